"""Clutter: small coloured shapes of four classes among grey ones, on textured grounds, with their boxes.

One to eight objects a scene, each a twentieth to an eighth of its side: red disc, green cross, blue ring, yellow
triangle, in low contrast and noise. Distractors are the same shapes, and squares, in grey. Centres lie anywhere, up to
a little beyond the border, where an object is cut off; in the middle of each axis if asked (`spread`). Nothing touches
anything else. A scene is defined in shares of its side, so that the same seed shows the same scenes at any size.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.cache import digest
from benchmark.data.catalogue import Split, catalogue
from benchmark.data.drawing.textures import DECISIVE, NUMBERS, ground, lit
from benchmark.data.drawing.worlds import Range
from benchmark.errors import DataError
from benchmark.seeding import generator

if TYPE_CHECKING:
    from torch import Generator, Tensor

CLASSES = ("disc", "cross", "ring", "triangle")
COLOURS = ((0.95, 0.35, 0.30), (0.30, 0.85, 0.35), (0.35, 0.45, 0.98), (0.95, 0.85, 0.25))
"""Of the classes; distractors are grey."""
SQUARE = len(CLASSES)
"""The shape that no object has."""
MOST = 8
DISTRACTORS = 6
LEAST_VISIBLE = 0.2
"""An object of which a smaller share of the area is inside is there, but neither demanded nor punished."""
BEYOND = 0.02
"""How far outside of the image a centre may lie, in shares of the side."""
GAP = 0.03
"""Between the boxes of things at least, in shares of the side: over a pixel, so that none has ink of two."""
BLOCK = 64
"""Scenes drawn at once from one stream: the first scenes of a seed are the same however many are drawn."""
DRAWING = 1
"""Raise when the same ranges make other scenes."""
SIZES = (64, 512)


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind a scene and each thing in it; lengths in shares of the side."""

    side: Range = (0.05, 0.12)  # of the shape's box
    contrast: Range = (0.3, 1.0)  # share of the ground that the shape covers
    grey: Range = (0.35, 0.90)  # brightness of distractors
    paper: Range = (0.20, 0.30)  # brightness of the ground at its darkest
    relief: Range = (0.20, 0.40)  # how much brighter it is at its brightest
    tint: Range = (0.85, 1.15)  # gain of each colour channel of the ground
    across: Range = (-0.15, 0.15)  # lighting, see benchmark.data.drawing.textures.lit
    down: Range = (-0.15, 0.15)
    noise: Range = (0.06, 0.10)  # standard deviation of the pixels' Gaussian noise


LOOK = Look()


@catalogue.add(
    "clutter",
    title="Clutter: small coloured shapes with boxes, on textured ground",
    licence="drawn by this project (Apache-2.0)",
    source="this file",
)
class Clutter:
    """Square scenes of 64 to 512 pixels a side."""

    drawn = True

    def categories(self, root: Path) -> tuple[str, ...]:
        """Names of the classes."""
        return CLASSES

    def missing(self, root: Path) -> str | None:
        """Return None: nothing is read."""
        return None

    def fingerprint(self, root: Path) -> str:
        """Hash of the numbers that decide what `boxed` draws."""
        numbers = [MOST, DISTRACTORS, LEAST_VISIBLE, BEYOND, GAP, BLOCK]
        return digest(json.dumps([DRAWING, DECISIVE, asdict(LOOK), CLASSES, COLOURS, numbers]).encode())

    def fetch(self, root: Path) -> None:
        """Raise DataError: nothing is to be downloaded."""
        raise DataError("clutter is drawn from a seed; there is nothing to download")

    def boxed(
        self, split: Split, *, root: Path, size: tuple[int, int], count: int | None, seed: int, spread: float
    ) -> BoxedImages:
        """Draw `count` scenes; see `BoxDataset.boxed`.

        Equal bit for bit under any number of threads. Raises DataError for a size that is not square or not from 64 to
        512, no count or one below 1, and a spread outside of (0, 1].
        """
        import torch

        side = self._side(size)
        if count is None or count < 1:
            raise DataError(f"{count} scenes cannot be drawn; ask for a count of one or more")
        if not 0 < spread <= 1:
            raise DataError(f"a spread of {spread} is no share of the axes; give one above 0 and up to 1")
        blocks = [_block(generator(seed, "clutter", block), side, spread) for block in range(-(-count // BLOCK))]
        images = torch.cat([pixels for pixels, _ in blocks])[:count]
        things = {name: torch.cat([found[name] for _, found in blocks])[:count] for name in blocks[0][1]}
        there = things["there"]
        return BoxedImages(
            images,
            things["boxes"][there],
            things["shape"][there],
            there.sum(1),
            things["cut"][there],
            CLASSES,
        )

    def _side(self, size: tuple[int, int]) -> int:
        height, width = size
        if height != width or not SIZES[0] <= height <= SIZES[1]:
            raise DataError(
                f"a scene of {height}x{width} cannot be drawn; ask for a square of {SIZES[0]} to {SIZES[1]}"
            )
        return height


def _block(rng: Generator, side: int, spread: float) -> tuple[Tensor, dict[str, Tensor]]:
    """BLOCK scenes: pixels, and of their objects boxes, shape, whether there, whether all but cut off."""
    import torch

    things = _placed(rng, spread)
    scene = {name: _uniform(rng, span, BLOCK) for name, span in asdict(LOOK).items()}
    tints = _uniform(rng, LOOK.tint, BLOCK, 3).float()
    field = ground(torch.randn(BLOCK, NUMBERS, generator=rng), side)
    at = {name: number.float().view(-1, 1, 1) for name, number in scene.items()}
    paper = lit(at["paper"] + at["relief"] * field, at["across"], at["down"])
    images = paper.unsqueeze(1) * tints.view(BLOCK, 3, 1, 1)
    _lay(images, things, side)
    images += at["noise"].unsqueeze(1) * torch.randn(BLOCK, 3, side, side, generator=rng)

    objects = {name: part[:, :MOST] for name, part in things.items()}
    half = objects["half"].unsqueeze(2)
    boxes = (torch.cat([objects["centre"] - half, objects["centre"] + half], 2) * side).float()
    inside = boxes.clamp(0, side)
    visible = (inside[..., 2:] - inside[..., :2]).prod(2) / (boxes[..., 2:] - boxes[..., :2]).prod(2)
    found = {"boxes": inside, "shape": objects["shape"], "there": objects["there"], "cut": visible < LEAST_VISIBLE}
    return (images * 255).round_().clamp_(0, 255).to(torch.uint8), found


def _placed(rng: Generator, spread: float) -> dict[str, Tensor]:
    """Where things lie and what they are, objects before distractors: (BLOCK, MOST + DISTRACTORS, ...).

    One that would touch an earlier one is left out.
    """
    import torch

    count = MOST + DISTRACTORS
    place = torch.rand(BLOCK, count, 2, generator=rng, dtype=torch.float64)
    reach = torch.full((count, 1), 0.5 + BEYOND, dtype=torch.float64)
    if spread < 1:
        reach[:MOST] = spread / 2  # distractors lie everywhere: a border without clutter would say where it is
    centre = 0.5 + reach * (2 * place - 1)
    half = _uniform(rng, LOOK.side, BLOCK, count) / 2
    shape = (torch.rand(BLOCK, count, generator=rng, dtype=torch.float64) * len(CLASSES)).long()
    grey_shape = (torch.rand(BLOCK, count, generator=rng, dtype=torch.float64) * (SQUARE + 1)).long()
    shape[:, MOST:] = grey_shape[:, MOST:]
    number = 1 + (torch.rand(BLOCK, 1, generator=rng, dtype=torch.float64) * MOST).long()
    there = torch.arange(count).expand(BLOCK, -1) < number
    there[:, MOST:] = True
    between = (centre.unsqueeze(2) - centre.unsqueeze(1)).abs().amax(3)
    touching = between < half.unsqueeze(2) + half.unsqueeze(1) + GAP
    for later in range(1, count):
        there[:, later] &= ~(touching[:, later, :later] & there[:, :later]).any(1)
    colours = torch.tensor(COLOURS).repeat(2, 1)[shape.clamp(max=SQUARE)]
    colours[:, MOST:] = _uniform(rng, LOOK.grey, BLOCK, count)[:, MOST:, None].float()
    contrast = _uniform(rng, LOOK.contrast, BLOCK, count)
    return {
        "centre": centre, "half": half, "shape": shape, "there": there, "colour": colours, "contrast": contrast,
    }  # fmt: skip


def _lay(images: Tensor, things: dict[str, Tensor], side: int) -> None:
    """Cover the ground, (n, 3, side, side), with all things at once, in place."""
    import torch

    scene, thing = things["there"].nonzero(as_tuple=True)
    chosen = {name: part[scene, thing] for name, part in things.items()}
    patch = math.ceil(LOOK.side[1] * side) + 3
    centre = chosen["centre"] * side
    corner = (centre - patch / 2).floor().long()
    step = torch.arange(patch)
    x, y = corner[:, 0:1] + step, corner[:, 1:2] + step
    right, down = (x + 0.5 - centre[:, 0:1]).float(), (y + 0.5 - centre[:, 1:2]).float()
    half = (chosen["half"] * side).float().view(-1, 1, 1)
    ink = torch.empty(len(scene), patch, patch)
    for shape in range(SQUARE + 1):
        rows = (chosen["shape"] == shape).nonzero().squeeze(1)
        ink[rows] = _ink(shape, right[rows].unsqueeze(1), down[rows].unsqueeze(2), half[rows])
    ink *= chosen["contrast"].float().view(-1, 1, 1)
    inside = ((x >= 0) & (x < side)).unsqueeze(1) & ((y >= 0) & (y < side)).unsqueeze(2)
    place = y.clamp(0, side - 1).unsqueeze(2) * side + x.clamp(0, side - 1).unsqueeze(1)
    channel = torch.arange(3).view(1, 3, 1)
    place = ((scene.view(-1, 1, 1) * 3 + channel) * side**2 + place.flatten(1).unsqueeze(1)).flatten()
    flat = images.view(-1)
    cover = chosen["colour"].unsqueeze(2) - flat[place].view(len(scene), 3, -1)
    # A pixel has ink of one thing at most, and adding zeros is exact in any order.
    flat.index_add_(0, place, ((ink * inside).flatten(1).unsqueeze(1) * cover).flatten())


def _ink(shape: int, x: Tensor, y: Tensor, half: Tensor) -> Tensor:
    """How much of each pixel a shape covers, from its signed distance: x (n, 1, p), y (n, p, 1), half (n, 1, 1)."""
    import torch

    if shape == 0:
        outside = torch.sqrt(x * x + y * y) - half
    elif shape == 1:
        outside = torch.maximum(torch.maximum(x.abs(), y.abs()) - half, torch.minimum(x.abs(), y.abs()) - 0.33 * half)
    elif shape == 2:
        outside = (torch.sqrt(x * x + y * y) - 0.7 * half).abs() - 0.3 * half
    elif shape == 3:  # its tip up: the slanted sides fall by two for each one across
        outside = torch.maximum(y - half, (2 * x.abs() - y - half) / math.sqrt(5))
    else:
        outside = torch.maximum(x.abs(), y.abs()) - 0.9 * half
    return (0.5 - outside).clamp_(0, 1)


def _uniform(rng: Generator, span: Range, *shape: int) -> Tensor:
    import torch

    low, high = span
    return low + (high - low) * torch.rand(*shape, generator=rng, dtype=torch.float64)
