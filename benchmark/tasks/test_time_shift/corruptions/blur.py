"""Blur. Images x: (n, c, s, s) float32 in [0, 1]; results may leave it by rounding."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Generator, Tensor

from benchmark.tasks.test_time_shift.corruptions.filters import (
    blurred,
    correlate,
    gaussian,
    matrix_of,
    mixed,
    per_size,
    streaked,
    zoomed,
)


def defocus_blur(x: Tensor, lens: tuple[float, float], rng: Generator) -> Tensor:
    """Correlate with a disk drawn on the pixel grid and smoothed by a 3x3 Gaussian. lens: radius and sigma.

    A disk of a radius below 1 is one pixel: the lower severities are Gaussians.
    """
    return mixed(x, _lens(lens[0] * max(1.0, per_size(x)), lens[1], x.shape[-1]))


def glass_blur(x: Tensor, pane: tuple[float, int], rng: Generator) -> Tensor:
    """Blur, cut to 8 bits, let pixels take the value of a neighbour above or to the left, blur. pane: sigma, sweeps.

    The published sweep runs against the direction in which it reads, so that all pixels may move at once. It leaves
    two rows and columns as they are.
    """
    sigma, sweeps = pane[0] * per_size(x), pane[1]
    count, channels, size, _ = x.shape
    pane_matrix = _pane(sigma, size)
    x = (mixed(x, pane_matrix) * 255).floor().clamp(0, 255)
    place = torch.arange(2, size)
    for _ in range(sweeps):
        moves = torch.randint(0, 4, (count, size - 2, size - 2), generator=rng)  # left, and twice up
        indices = place[:, None] * size + place - (moves >> 1) * size - (moves & 1)
        indices = indices.view(count, 1, -1).expand(-1, channels, -1)
        moved = x.reshape(count, channels, -1).gather(2, indices)
        x[:, :, 2:, 2:] = moved.view(count, channels, size - 2, size - 2)
    return mixed(x / 255, pane_matrix)


def motion_blur(x: Tensor, motion: tuple[float, float], rng: Generator) -> Tensor:
    """Streaks at an angle of up to 45 degrees from the horizontal. motion: radius and sigma."""
    radius, sigma = (part * per_size(x) for part in motion)
    return streaked(x, radius, sigma, torch.rand(len(x), generator=rng, dtype=torch.float64) * 90 - 45)


def zoom_blur(x: Tensor, farthest: float, rng: Generator) -> Tensor:
    """The mean of the image and of its zooms by 1, 1.01, ... below `farthest`."""
    return mixed(x, _zooms(farthest, x.shape[-1]))


@lru_cache(maxsize=16)
def _lens(radius: float, sigma: float, size: int) -> csr_array:
    reach = int(radius)
    grid = torch.arange(-reach - 1, reach + 2)
    disk = (grid[:, None].square() + grid.square() <= radius**2).double()
    window = torch.outer(gaussian(sigma, 1), gaussian(sigma, 1))
    kernel = torch.nn.functional.conv2d((disk / disk.sum())[None, None], window[None, None], padding=1)
    return matrix_of(lambda points: correlate(points, kernel[0, 0]), size)


@lru_cache(maxsize=16)
def _pane(sigma: float, size: int) -> csr_array:
    return matrix_of(lambda points: blurred(points, sigma, truncate=4, border="nearest"), size)


@lru_cache(maxsize=16)
def _zooms(farthest: float, size: int) -> csr_array:
    factors = np.arange(1, farthest, 0.01).tolist()

    def mean(points: Tensor) -> Tensor:
        total = points.clone()
        for factor in factors:
            total += zoomed(points, factor)
        return total / (len(factors) + 1)

    return matrix_of(mean, size)


CORRUPTIONS = {
    "defocus_blur": (defocus_blur, ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))),
    "glass_blur": (glass_blur, ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))),
    "motion_blur": (motion_blur, ((6.0, 1.0), (6.0, 1.5), (6.0, 2.0), (8.0, 2.0), (9.0, 2.5))),
    "zoom_blur": (zoom_blur, (1.06, 1.11, 1.16, 1.21, 1.26)),
}
