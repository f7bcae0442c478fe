"""Which cell of a detector answers for which object, and how its numbers are read as a box.

Cells of a map of stride s lie in the middle of pixels 0, s, 2 s, ...: a convolution of stride 2, padding (k - 1) / 2,
begins at the first cell, whatever the size of its input. Cells must not be spread over the image in proportion
(position n / h): at sizes a 2^n + 1 that would shift every one of them (arXiv:2010.02178 treats such sizes).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

RADIUS = 0.75
"""A cell answers for an object whose centre is no farther along either axis, in strides; the nearest one always."""
SPAN = 3.0
"""Objects with sides up to so many strides belong to a level; the coarsest takes larger ones too."""
TYPICAL = 1.5
"""Side of the box that zeros stand for, in strides."""


def cells(sizes: Sequence[tuple[int, int]], strides: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Positions (cells, 2) as x, y in pixels, and strides (cells,), of all levels' cells row by row; float32."""
    places, steps = [], []
    for (height, width), stride in zip(sizes, strides, strict=True):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        places.append(torch.stack([x, y], 2).view(-1, 2) * float(stride) + 0.5)
        steps.append(torch.full((height * width,), float(stride)))
    return torch.cat(places), torch.cat(steps)


def assign(boxes: Tensor, labels: Tensor, places: Tensor, strides: Tensor) -> tuple[Tensor, Tensor]:
    """For each cell the object that it answers for: labels (n, cells), -1 for none, and boxes (n, cells, 4).

    boxes: (n, objects, 4);  labels: (n, objects), -1 where there is none;  places, strides: see `cells`. Of several
    objects a cell takes the one whose centre is nearest.
    """
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    longer = (boxes[..., 2:] - boxes[..., :2]).amax(-1, keepdim=True)
    distance = (centres.unsqueeze(2) - places).abs().amax(-1) / strides  # (n, objects, cells)
    levels = strides.unique()  # ascending
    level = torch.bucketize(longer, SPAN * levels[:-1], right=True)
    own = (strides == levels[level]) & (labels >= 0).unsqueeze(2)
    distance = torch.where(own, distance, torch.inf)
    nearest = distance.amin(2, keepdim=True)
    distance = torch.where((distance <= RADIUS) | (distance == nearest), distance, torch.inf)
    if not boxes.shape[1]:
        return labels.new_full((len(boxes), len(places)), -1), boxes.new_zeros(len(boxes), len(places), 4)
    closest, which = distance.min(1)
    taken = closest < torch.inf
    return (
        torch.where(taken, labels.gather(1, which), -1),
        boxes.gather(1, which.unsqueeze(2).expand(-1, -1, 4)),
    )


def decode(numbers: Tensor, places: Tensor, strides: Tensor) -> Tensor:
    """Boxes (..., 4) of cells' numbers (..., 4): offset of the centre in strides, logarithm of the sides in
    TYPICAL strides; places (..., 2) and strides (...)."""
    step = strides.unsqueeze(-1)
    centre = places + numbers[..., :2] * step
    half = TYPICAL / 2 * step * numbers[..., 2:].clamp(-4, 4).exp()
    return torch.cat([centre - half, centre + half], -1)


def images_of(counts: Tensor) -> Tensor:
    """Index of the image of each object, (m,), of counts (n,) that follow one another image by image."""
    return torch.repeat_interleave(torch.arange(len(counts)), counts)


def padded(boxes: Tensor, labels: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Objects of each image side by side: boxes (n, most, 4), labels (n, most), -1 where there are fewer."""
    most = int(counts.max()) if len(counts) else 0
    there = torch.arange(most, device=boxes.device) < counts.unsqueeze(1)
    wide, named = boxes.new_zeros(len(counts), most, 4), labels.new_full((len(counts), most), -1)
    wide[there], named[there] = boxes, labels
    return wide, named
