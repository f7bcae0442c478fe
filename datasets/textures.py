"""Textures: twenty kinds of pattern that fill the image; nothing is a figure, only statistics tell classes apart.

A pattern is a sum of plane waves, and of waves that run around or away from a centre, put through a soft threshold. A
class fixes how long the waves are and in which directions they run; an image draws the waves anew, each with a random
phase, and jitters direction, length, contrast and brightness.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmark.data.catalogue import catalogue
from benchmark.data.drawing.textures import centres
from benchmark.data.drawing.worlds import Range, World

if TYPE_CHECKING:
    from torch import Generator, Tensor

WAVES = 14
"""Plane waves of one image at most; a band of noise takes all of them."""
CURLS = 2
"""Waves around a centre at most."""
TURN = 0.20
"""Largest turn of a whole pattern from its class's direction, in radians; in classes without one it is any."""
STRETCH = 0.12
"""Largest change of all wave numbers, as a share."""


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind one image; brightness is in [0, 1]."""

    middle: Range = (0.40, 0.60)
    contrast: Range = (0.30, 0.75)  # between the darkest and the brightest
    gain: Range = (0.8, 1.25)  # factor on the class's own, how hard the soft threshold is
    noise: Range = (0.02, 0.08)  # standard deviation of the pixels' Gaussian noise


@dataclass(frozen=True)
class Pattern:
    """One class.

    waves: of all waves the lowest and highest wave number, in periods per image;  directions: of the waves, in degrees
    from those that make upright stripes, each jittered by up to `spread`;  everywhere: turned by any angle;  bands:
    whether WAVES waves are drawn with directions taken in turn, which makes noise, rather than one for each direction;
    curls: for each centre its waves, in periods per image outwards and in all around;  gain, level, folded: the pattern
    s, or |s|, less `level`, times `gain`, is brightness, cut off at both ends.
    """

    waves: Range = (3.0, 4.0)
    directions: tuple[float, ...] = ()
    spread: float = 0.0
    everywhere: bool = False
    bands: bool = False
    curls: tuple[tuple[float, int], ...] = ()
    gain: float = 1.0
    level: float = 0.0
    folded: bool = False


HEXAGON = (0.0, 60.0, 120.0)
ALL_ROUND = tuple(range(0, 180, 13))
PATTERNS = {
    "stripes-upright": Pattern(waves=(2.5, 4.0), directions=(0,), gain=2.0),
    "stripes-level": Pattern(waves=(2.5, 4.0), directions=(90,), gain=2.0),
    "stripes-rising": Pattern(waves=(2.5, 4.0), directions=(45,), gain=2.0),
    "stripes-falling": Pattern(waves=(2.5, 4.0), directions=(135,), gain=2.0),
    "checks": Pattern(waves=(2.4, 3.2), directions=(45, 135), gain=2.5),
    "diamonds": Pattern(waves=(2.4, 3.2), directions=(0, 90), gain=2.5),
    "dots": Pattern(waves=(3.0, 3.6), directions=(0, 90), gain=2.0, level=0.45),
    "honeycomb": Pattern(waves=(2.6, 3.2), directions=HEXAGON, gain=-2.0, level=0.15, everywhere=True),
    "hexagons": Pattern(waves=(2.6, 3.2), directions=HEXAGON, gain=2.0, level=0.35, everywhere=True),
    "clouds": Pattern(waves=(0.3, 1.3), directions=ALL_ROUND, spread=15, bands=True, everywhere=True),
    "blobs": Pattern(
        waves=(2.0, 3.0), directions=ALL_ROUND, spread=15, bands=True, everywhere=True, gain=4.0, level=0.1
    ),
    "veins": Pattern(
        waves=(1.2, 2.6),
        directions=ALL_ROUND,
        spread=15,
        bands=True,
        everywhere=True,
        gain=-4.0,
        level=0.15,
        folded=True,
    ),
    "grain": Pattern(waves=(5.5, 7.5), directions=ALL_ROUND, spread=15, bands=True, everywhere=True),
    "fibres-upright": Pattern(waves=(1.5, 6.0), directions=(0,), spread=12, bands=True, gain=1.2),
    "fibres-level": Pattern(waves=(1.5, 6.0), directions=(90,), spread=12, bands=True, gain=1.2),
    "weave": Pattern(waves=(2.5, 5.5), directions=(0, 90), spread=8, bands=True, gain=1.2),
    "rings": Pattern(curls=((3.0, 0),), gain=2.0),
    "spiral": Pattern(curls=((2.2, 2),), gain=2.0),
    "rays": Pattern(curls=((0.0, 7),), gain=2.0),
    "ripples": Pattern(curls=((3.2, 0), (3.2, 0)), gain=1.5),
}


@catalogue.add(
    "textures",
    title="Textures: twenty kinds of pattern without a figure",
    licence="drawn by this project (Apache-2.0)",
    source="spectra in datasets/textures.py",
)
class Textures(World):
    """Twenty patterns, named as in PATTERNS."""

    name = "textures"
    classes = tuple(PATTERNS)
    drawing = 1
    look = Look()

    def chosen(self, index: int, count: int, size: int, rng: Generator) -> dict[str, Tensor]:
        """Draw the waves.

        waves: (count, WAVES, 4) float64, x and y wave number in radians per half width, phase, amplitude;  curls:
        (count, CURLS, 6) float64, centre x and y, wave number outwards, waves around, phase, amplitude;  shaping:
        (count, 3) gain, level, folded;  noise: (count, size, size).
        """
        import torch

        pattern = PATTERNS[self.classes[index]]
        whole = torch.rand(count, 2, generator=rng, dtype=torch.float64) * 2 - 1
        turn = whole[:, :1] * (math.pi if pattern.everywhere else TURN)
        stretch = 1 + STRETCH * whole[:, 1:]
        shaping = torch.tensor([pattern.gain, pattern.level, float(pattern.folded)], dtype=torch.float64)
        return {
            "waves": _plane_waves(pattern, turn, stretch, rng),
            "curls": _curls(pattern, stretch, rng),
            "shaping": shaping.expand(count, 3),
            "noise": torch.randn(count, size, size, generator=rng),
        }

    def drawn(self, size: int, look: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> Tensor:
        """Make pixels: sum the waves, threshold, and set brightness."""
        pattern = _waved(chosen["waves"], size)
        curled = (chosen["curls"][:, :, 5] > 0).any(1)  # the others would cost as much and give nothing
        pattern[curled] += _curled(chosen["curls"][curled], size)
        at = {name: number.float() for name, number in look.items()}
        gain, level, folded = (each.float().view(-1, 1, 1) for each in chosen["shaping"].unbind(1))
        pattern = pattern.where(folded == 0, pattern.abs())
        shade = (at["gain"] * gain * (pattern - level)).clamp(-1, 1) * 0.5
        return at["middle"] + at["contrast"] * shade + at["noise"] * chosen["noise"]

    def decisive(self) -> Any:
        """The classes' spectra and how far images stray from them."""
        patterns = {name: asdict(pattern) for name, pattern in PATTERNS.items()}
        return json.loads(json.dumps([patterns, WAVES, TURN, STRETCH]))


def _plane_waves(pattern: Pattern, turn: Tensor, stretch: Tensor, rng: Generator) -> Tensor:
    """Waves of each image as in `Textures.chosen`; their amplitudes give bands a variance of 1/3, gratings of 1/2."""
    import torch

    count = len(turn)
    random = torch.rand(count, WAVES, 3, generator=rng, dtype=torch.float64)
    ways = len(pattern.directions)
    used = (WAVES if pattern.bands else ways) if ways else 0
    directions = torch.tensor([pattern.directions[i % ways] if i < used else 0.0 for i in range(WAVES)]).double()
    angle = torch.deg2rad(directions + pattern.spread * (2 * random[:, :, 0] - 1)) + turn
    low, high = pattern.waves
    # the waves of a lattice share their length
    along = random[:, :, 1] if pattern.bands else random[:, :1, 1].expand(count, WAVES)
    number = math.pi * stretch * (low + (high - low) * along)
    amplitude = math.sqrt(2 / 3 / used) if pattern.bands else 1 / max(1, used)
    heights = (torch.arange(WAVES) < used).double().expand(count, WAVES) * amplitude
    phase = 2 * math.pi * random[:, :, 2]
    if pattern.directions == HEXAGON:  # else the phases decide whether the lattice is of bright dots or of dark ones
        phase[:, 1] = phase[:, 0] + phase[:, 2]
    return torch.stack([number * angle.cos(), number * angle.sin(), phase, heights], dim=2)


def _curls(pattern: Pattern, stretch: Tensor, rng: Generator) -> Tensor:
    """Waves around centres as in `Textures.chosen`; a lone centre lies near the middle, several farther out."""
    import torch

    count, used = len(stretch), len(pattern.curls)
    random = torch.rand(count, CURLS, 3, generator=rng, dtype=torch.float64)
    padded = torch.tensor([*pattern.curls, *[(0.0, 0)] * (CURLS - used)], dtype=torch.float64)
    centre = (2 * random[:, :, :2] - 1) * (0.45 if used == 1 else 1.0)
    outwards = math.pi * stretch * padded[:, 0]
    around = padded[:, 1].expand(count, CURLS)
    heights = (torch.arange(CURLS) < used).double().expand(count, CURLS) / max(1, used)
    columns = [outwards, around, 2 * math.pi * random[:, :, 2], heights]
    return torch.cat([centre, torch.stack(columns, dim=2)], dim=2)


def _waved(waves: Tensor, size: int) -> Tensor:
    """Sum plane waves: (n, WAVES, 4) -> (n, size, size) float32.

    cos(a + b) = cos a cos b - sin a sin b leaves sines and cosines of rows and columns only.
    """
    import torch

    at = centres(size)
    x = waves[:, :, :1] * at
    y = waves[:, :, 1:2] * at + waves[:, :, 2:3]
    height = waves[:, :, 3:]
    factors = [(height * y.cos()).float(), x.cos().float(), (height * y.sin()).float(), x.sin().float()]
    total = torch.zeros(len(waves), size, size)
    for number in range(waves.shape[1]):
        cosine_y, cosine_x, sine_y, sine_x = (factor[:, number] for factor in factors)
        total += cosine_y.unsqueeze(2) * cosine_x.unsqueeze(1)
        total -= sine_y.unsqueeze(2) * sine_x.unsqueeze(1)
    return total


def _curled(curls: Tensor, size: int) -> Tensor:
    """Sum waves around centres: (n, CURLS, 6) -> (n, size, size) float32."""
    import torch

    at = centres(size)
    total = torch.zeros(len(curls), size, size)
    for x0, y0, outwards, around, phase, height in (curl.view(-1, 6, 1, 1).unbind(1) for curl in curls.unbind(1)):
        x, y = at - x0, at.unsqueeze(1) - y0
        wave = outwards * (x * x + y * y).sqrt() + around * torch.atan2(y, x) + phase
        total += (height * wave.cos()).float()  # rounded: a cosine may differ in its last bit from place to place
    return total
