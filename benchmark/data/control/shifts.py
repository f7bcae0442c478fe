"""Visual shifts: what an environment may look like at deployment. Four kinds, three strengths, and none at all.

Every episode has a look of its own, drawn when it starts and kept until it ends (as the random colours of Hansen et al.
2021, arXiv:2007.04309, section 4.2, for which "colour" uses their distribution). What a strength means in numbers is
the environment's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.errors import UsageError, unknown

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from benchmark.data.control.raster import Camera

KINDS = ("colour", "lighting", "texture", "camera")
STRENGTHS = ("mild", "medium", "strong")
RANDOMISED = "randomised"
"""All kinds at once, each at a level between none and mild: what domain randomisation trains on."""


@dataclass(frozen=True, slots=True)
class Shift:
    """kind: one of `KINDS`, `RANDOMISED`, or "none";  strength: one of `STRENGTHS`, without meaning otherwise."""

    kind: str = "none"
    strength: str = "mild"

    def __post_init__(self) -> None:
        kinds = {"none", RANDOMISED, *KINDS}
        if self.kind not in kinds:
            raise unknown("kind of shift", self.kind, kinds)
        if self.strength not in STRENGTHS:
            raise unknown("strength of a shift", self.strength, STRENGTHS)

    def levels(self, levels: Mapping[str, tuple[float, float, float]]) -> dict[str, float]:
        """The level of every kind under this shift, 0 where it changes nothing."""
        missing = [kind for kind in KINDS if kind not in levels]
        if missing:
            raise UsageError(f"the environment has no levels of {missing[0]!r}; it has {', '.join(levels) or 'none'}")
        place = 0 if self.kind == RANDOMISED else STRENGTHS.index(self.strength)
        return {kind: levels[kind][place] if self.kind in (kind, RANDOMISED) else 0.0 for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of n episodes.

    colours: by part, (n, 3) in [0, 1];  light: (n, 1, size, size), by which brightness is multiplied, or None;
    texture: (n, 3, size, size), added to the ground and the scenery, or None;  camera: where from
    """

    colours: dict[str, Tensor]
    light: Tensor | None
    texture: Tensor | None
    camera: Camera


def draw_looks(
    shift: Shift,
    palette: Mapping[str, tuple[float, float, float]],
    levels: Mapping[str, tuple[float, float, float]],
    *,
    count: int,
    size: int,
    rng: Generator,
) -> Looks:
    """Draw the looks of `count` episodes. From equal generators, strengths differ in their levels alone."""
    import torch

    at = shift.levels(levels)
    level = {kind: torch.full((count, 1), value) for kind, value in at.items()}
    shares = torch.rand(count, len(KINDS), generator=rng)
    if shift.kind == RANDOMISED:
        level = {kind: value * shares[:, place : place + 1] for place, (kind, value) in enumerate(level.items())}
    noise = torch.randn(len(palette), count, 3, generator=rng)
    colours = {
        part: (torch.tensor(colour) + level["colour"] * noise[place]).clamp_(0, 1)
        for place, (part, colour) in enumerate(palette.items())
    }
    light = _light(torch.rand(count, 2, generator=rng), level["lighting"], size) if at["lighting"] else None
    texture = _texture(count, level["texture"], size, rng) if at["texture"] else None
    return Looks(colours, light, texture, _camera(torch.rand(count, 4, generator=rng), level["camera"]))


def _light(uniform: Tensor, level: Tensor, size: int) -> Tensor:
    """A brightness between 1 - level and 1 + level, and a slope of as much across the image in some direction."""
    import torch

    from benchmark.data.control.raster import axis

    angle = 2 * torch.pi * uniform[:, :1].double()
    across, upward = (level * part.float() for part in (angle.cos(), angle.sin()))
    places = axis(size)
    slope = (across * places)[:, None, :] - (upward * places)[:, :, None]
    overall = 1 + level * (2 * uniform[:, 1:] - 1)
    return (slope + overall[:, :, None]).clamp_(0, 4)[:, None]


def _texture(count: int, level: Tensor, size: int, rng: Generator) -> Tensor:
    """Smooth random fields between -level and level, in a colour of their own."""
    import torch

    from benchmark.data.drawing.textures import smooth_texture

    tint = 0.4 + 0.6 * torch.rand(count, 3, 1, 1, generator=rng)
    field = smooth_texture(count, size, rng).mul_(2).sub_(1)
    return field * tint * level[:, :, None, None]


def _camera(uniform: Tensor, level: Tensor) -> Camera:
    """Moved by up to `level` (world units) each way, turned by up to as many radians, closer or farther by as much."""
    import torch

    from benchmark.data.control.raster import Camera

    signed = (2 * uniform - 1) * level
    angle = signed[:, 2].double()
    turn = torch.stack([angle.cos(), angle.sin()], dim=1).float()
    return Camera(signed[:, :2].clone(), turn, 1 + signed[:, 3])
