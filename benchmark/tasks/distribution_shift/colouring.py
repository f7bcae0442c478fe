"""Colours as spurious cues: shapes in a colour, or objects on one, that goes with their class in most training images.

The scheme of coloured MNIST in Ahmed, Bengio, van Seijen, Courville 2021 ("Systematic generalisation with group
invariant predictions", appendix; released data maker): each class has a bias colour. In `bias` of the images a shape
has its class's colour, in the others one of ten unbiasing colours that are far from all bias colours. Tests: the same
scheme; ten new colours; the bias colour of another class. Images that have colours of their own become objects on a
coloured ground, as the COCO-on-colours of the same paper; ours are cut out as squares, for want of masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.seeding import generator

FAR = 2500.0
"""Squared distance in RGB (0 to 255) that unbiasing colours keep from every bias colour (released data maker)."""
_DIM = 0.25
"""Colours are bright enough in one channel at least, as shapes lie on black."""
UNBIASING = 10


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours in [0, 1]. bias: (classes, 3), one per class;  unbiasing, new: (UNBIASING, 3)."""

    bias: Tensor
    unbiasing: Tensor
    new: Tensor


def palette(classes: int) -> Palette:
    """The fixed colours for a number of classes: bias colours spread round the hues, the others drawn once."""
    hues = torch.arange(classes, dtype=torch.float64) / classes
    offsets = torch.tensor([0.0, 2 / 3, 1 / 3], dtype=torch.float64)
    bias = ((hues[:, None] + offsets) % 1 * 6 - 3).abs().sub(1).clamp(0, 1).float()
    chosen: list[Tensor] = []
    rng = generator("colours", classes)
    while len(chosen) < 2 * UNBIASING:
        colour = torch.rand(3, generator=rng)
        others = torch.stack([*bias, *chosen])
        if float(colour.max()) > _DIM and float(((others - colour) * 255).square().sum(1).min()) > FAR:
            chosen.append(colour)
    return Palette(bias, torch.stack(chosen[:UNBIASING]), torch.stack(chosen[UNBIASING:]))


def coloured(shapes: Tensor, colours: Tensor) -> Tensor:
    """Shapes (n, 1, h, w) in [0, 1], each in its colour (n, 3), on black: (n, 3, h, w)."""
    return shapes * colours[:, :, None, None]


def grounded(objects: Tensor, colours: Tensor) -> Tensor:
    """Objects (n, 3, h, w), brought to three quarters of their side, in the middle of grounds of colours (n, 3)."""
    height, width = objects.shape[2:]
    inner = F.interpolate(
        objects, (3 * height // 4, 3 * width // 4), mode="bilinear", align_corners=False, antialias=True
    )
    top, left = (height - inner.shape[2]) // 2, (width - inner.shape[3]) // 2
    whole = colours[:, :, None, None].expand(-1, -1, height, width).clone()
    whole[:, :, top : top + inner.shape[2], left : left + inner.shape[3]] = inner.clamp(0, 1)
    return whole


def biased(labels: Tensor, colours: Palette, *, bias: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Colours (n, 3) under the training scheme, and groups (n,): 0 in the class's own colour, 1 in an unbiasing one."""
    minority = torch.rand(len(labels), generator=rng) >= bias
    other = torch.randint(UNBIASING, (len(labels),), generator=rng)
    chosen = torch.where(minority[:, None], colours.unbiasing[other], colours.bias[labels])
    return chosen, minority.long()


def drawn(pool: Tensor, count: int, *, rng: torch.Generator) -> Tensor:
    """Colours (count, 3), each any of a pool (k, 3)."""
    return pool[torch.randint(len(pool), (count,), generator=rng)]


def swapped(labels: Tensor, colours: Palette, *, rng: torch.Generator) -> Tensor:
    """Bias colours (n, 3) of other classes, never the own."""
    classes = len(colours.bias)
    shift = torch.randint(1, classes, (len(labels),), generator=rng)
    return colours.bias[(labels + shift) % classes]
