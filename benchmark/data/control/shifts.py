"""Visual shifts: what an environment may look like at deployment. Four kinds, three strengths, and none at all.

Every episode has a look of its own, drawn when it starts and kept until it ends (as the random colours of Hansen et al.
2021, arXiv:2007.04309, section 4.2, for which "colour" uses their distribution). What a strength means in numbers is
the environment's to say. Three further kinds are held out: policies may be trained and methods tuned on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from benchmark.errors import UsageError, unknown

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from benchmark.data.control.raster import Camera

KINDS = ("colour", "lighting", "texture", "camera")
HELD_OUT = ("dots", "shadow", "tint")
"""Kinds that are never judged."""
STRENGTHS = ("mild", "medium", "strong")
RANDOMISED = "randomised"
"""All kinds that are held out at once, each at a level between none and the strength's: what domain randomisation
trains on."""
_DOTS = 6
"""How many an image has."""


@dataclass(frozen=True, slots=True)
class Shift:
    """kind: one of `KINDS` or `HELD_OUT`, `RANDOMISED`, or "none";  strength: one of `STRENGTHS`."""

    kind: str = "none"
    strength: str = "mild"

    def __post_init__(self) -> None:
        kinds = {"none", RANDOMISED, *KINDS, *HELD_OUT}
        if self.kind not in kinds:
            raise unknown("kind of shift", self.kind, kinds)
        if self.strength not in STRENGTHS:
            raise unknown("strength of a shift", self.strength, STRENGTHS)

    def levels(self, levels: Mapping[str, tuple[float, float, float]]) -> dict[str, float]:
        """The level of every kind under this shift, 0 where it changes nothing."""
        kinds = (*KINDS, *HELD_OUT)
        missing = [kind for kind in kinds if kind not in levels]
        if missing:
            raise UsageError(f"the environment has no levels of {missing[0]!r}; it has {', '.join(levels) or 'none'}")
        place = STRENGTHS.index(self.strength)
        chosen = HELD_OUT if self.kind == RANDOMISED else (self.kind,)
        return {kind: levels[kind][place] if kind in chosen else 0.0 for kind in kinds}


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of n episodes.

    colours: by part, (n, 3) in [0, 1];  light: (n, 1 or 3, size, size), by which brightness is multiplied, or None;
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
    shares = torch.rand(count, len(HELD_OUT), generator=rng)
    if shift.kind == RANDOMISED:
        level |= {kind: level[kind] * shares[:, place : place + 1] for place, kind in enumerate(HELD_OUT)}
    noise = torch.randn(len(palette), count, 3, generator=rng)
    colours = {
        part: (torch.tensor(colour) + level["colour"] * noise[place]).clamp_(0, 1)
        for place, (part, colour) in enumerate(palette.items())
    }
    lights = [
        draw(torch.rand(count, 3, generator=rng), level[kind], size)
        for kind, draw in (("lighting", _light), ("shadow", _shadow), ("tint", _tint))
        if at[kind]
    ]
    textures = [
        draw(count, level[kind], size, rng) for kind, draw in (("texture", _texture), ("dots", _dots)) if at[kind]
    ]
    light = reduce(torch.mul, lights) if lights else None
    texture = reduce(torch.add, textures) if textures else None
    return Looks(colours, light, texture, _camera(torch.rand(count, 4, generator=rng), level["camera"]))


def _light(uniform: Tensor, level: Tensor, size: int) -> Tensor:
    """A brightness between 1 - level and 1 + level, and a slope of as much across the image in some direction."""
    from benchmark.data.control.raster import axis

    across, upward = (level * part for part in _direction(uniform))
    places = axis(size)
    slope = (across * places)[:, None, :] - (upward * places)[:, :, None]
    overall = 1 + level * (2 * uniform[:, 1:2] - 1)
    return (slope + overall[:, :, None]).clamp_(0, 4)[:, None]


def _shadow(uniform: Tensor, level: Tensor, size: int) -> Tensor:
    """One side of a line through the image is darker: by a brightness of 1 - level, at least 0."""
    from benchmark.data.control.raster import EDGE, axis

    across, upward = _direction(uniform)
    places = axis(size)
    distance = (across * places)[:, None, :] - (upward * places)[:, :, None] + (uniform[:, 1:2] - 0.5)[:, :, None]
    shaded = (0.5 * size / EDGE * distance + 0.5).clamp_(0, 1)
    return (1 - level[:, :, None] * shaded).clamp_(0, 1)[:, None]


def _tint(uniform: Tensor, level: Tensor, size: int) -> Tensor:
    """Each channel multiplied by a number of its own between 1 - level and 1 + level, at least 0."""
    channels = (1 + level * (2 * uniform - 1)).clamp_(0, 4)
    return channels[:, :, None, None].expand(-1, -1, size, size)


def _direction(uniform: Tensor) -> tuple[Tensor, Tensor]:
    """To the right and upwards (n, 1), from the first column of uniform numbers."""
    import torch

    angle = 2 * torch.pi * uniform[:, :1].double()
    return angle.cos().float(), angle.sin().float()


def _texture(count: int, level: Tensor, size: int, rng: Generator) -> Tensor:
    """Smooth random fields between -level and level, in a colour of their own."""
    import torch

    from benchmark.data.drawing.textures import smooth_texture

    tint = 0.4 + 0.6 * torch.rand(count, 3, 1, 1, generator=rng)
    field = smooth_texture(count, size, rng).mul_(2).sub_(1)
    return field * tint * level[:, :, None, None]


def _dots(count: int, level: Tensor, size: int, rng: Generator) -> Tensor:
    """Discs about as large as what moves, each of a colour between -level and level, which lie on the ground."""
    import torch

    from benchmark.data.control.raster import EDGE, Disc, axis

    places, radii, colours = (torch.rand(_DOTS, count, width, generator=rng) for width in (2, 1, 3))
    field = torch.zeros(count, 3, size, size)
    for place, radius, colour in zip(2 * places - 1, 0.1 + 0.1 * radii, 2 * colours - 1, strict=True):
        covered = Disc("dot", place, radius[:, 0]).coverage(axis(size), 0.5 * size / EDGE)
        field += (level * colour)[:, :, None, None] * covered[:, None]
    return field


def _camera(uniform: Tensor, level: Tensor) -> Camera:
    """Moved by up to `level` (world units) each way, turned by up to as many radians, closer or farther by as much."""
    import torch

    from benchmark.data.control.raster import Camera

    signed = (2 * uniform - 1) * level
    angle = signed[:, 2].double()
    turn = torch.stack([angle.cos(), angle.sin()], dim=1).float()
    return Camera(signed[:, :2].clone(), turn, 1 + signed[:, 3])
