"""What is learned: distributions on which convolution and full connection differ in how many samples they need.

`halves`, `signs` and `pairs` are those of Li, Zhang, Arora (ICLR 2021, arXiv:2010.08515), with an input dimension d;
`canvases` and `energies` make inputs of images. Inputs are maps (n, channels, height, width) float32, of height 1
where the paper has vectors; labels (n,) are 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


@dataclass(frozen=True, slots=True)
class Samples:
    """inputs: (..., n, channels, height, width) float32;  labels: (..., n) int64, 0 or 1."""

    inputs: Tensor
    labels: Tensor


def halves(d: int, count: int, rng: Generator) -> Samples:
    """Gaussian inputs in two channels of d/2 positions; the label says which has more energy (theorem 5.2)."""
    inputs = torch.randn(count, 2, 1, d // 2, generator=rng)
    energy = inputs.square().sum((2, 3))
    return Samples(inputs, (energy[:, 0] > energy[:, 1]).long())


def signs(d: int, count: int, rng: Generator) -> Samples:
    """One entry of d is 1 or -1, all others 0; the label is its sign (the warm-up, section 4)."""
    return _chosen(all_signs(d), count, rng)


def pairs(d: int, count: int, rng: Generator) -> Samples:
    """Two entries of d, on a circle, are 1; the label says whether they are neighbours (0) or next but one (1).

    Theorem 5.5, where permutations of the entries take the place of rotations.
    """
    return _chosen(all_pairs(d), count, rng)


def all_signs(d: int) -> Samples:
    """Every input of `signs` once, sqrt(d) times as long, so that an entry's variance is 1 as in `halves`."""
    unit = d**0.5 * torch.eye(d)
    return Samples(torch.cat([unit, -unit]).view(2 * d, 1, 1, d), torch.arange(2).repeat_interleave(d).flip(0))


def all_pairs(d: int) -> Samples:
    """Every input of `pairs` once, scaled likewise."""
    unit = (d / 2) ** 0.5 * torch.eye(d)
    near, far = unit + unit.roll(1, 1), unit + unit.roll(2, 1)
    return Samples(torch.cat([near, far]).view(2 * d, 1, 1, d), torch.arange(2).repeat_interleave(d))


def canvases(tiles: Tensor, labels: Tensor, side: int, rng: Generator) -> Samples:
    """Tiles (n, 1, t, t) in [0, 1] at random places of canvases of `side` >= t pixels, scaled to a variance of 1.

    The ground has each tile's own median, so that its edge does not show.
    """
    count, _, size, _ = tiles.shape
    ground = tiles.flatten(1).median(1).values.view(-1, 1, 1, 1)
    row, column = torch.randint(0, side - size + 1, (2, count, 1), generator=rng)
    steps = torch.arange(size)
    flat = ((row + steps).unsqueeze(2) * side + (column + steps).unsqueeze(1)).flatten(1)
    canvas = torch.zeros(count, side * side).scatter_(1, flat, (tiles - ground).flatten(1)).view(count, 1, side, side)
    return Samples(canvas / canvas.square().mean().sqrt().clamp_min(1e-6), labels)


def energies(images: Tensor, side: int) -> Samples:
    """Colour images (n, 3, h, w) in [0, 1] at `side` pixels; the label says whether red has a larger norm than green.

    The paper's experiment (section 6). One factor scales all inputs: a scale for each pixel would be no rotation.
    """
    small = images if images.shape[-1] == side else F.interpolate(images, (side, side), mode="area")
    norms = small.flatten(2).square().sum(2)
    return Samples(small / small.square().mean().sqrt().clamp_min(1e-6), (norms[:, 0] > norms[:, 1]).long())


DRAWN: dict[str, Callable[[int, int, Generator], Samples]] = {"halves": halves, "signs": signs, "pairs": pairs}
"""Distributions of which any number can be drawn."""
WHOLE: dict[str, Callable[[int], Samples]] = {"signs": all_signs, "pairs": all_pairs}
"""Those with so few inputs that all are a test."""


def _chosen(whole: Samples, count: int, rng: Generator) -> Samples:
    index = torch.randint(len(whole.labels), (count,), generator=rng)
    return Samples(whole.inputs[index], whole.labels[index])
