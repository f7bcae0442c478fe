"""Noise: independent in every pixel and channel. Images x: (n, c, s, s) float32 in [0, 1]; results may leave it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy import special
from torch import Generator, Tensor

_SHARES = 2**12


def gaussian_noise(x: Tensor, scale: float, rng: Generator) -> Tensor:
    """x + scale n."""
    return x + scale * torch.randn(x.shape, generator=rng)


def shot_noise(x: Tensor, photons: float, rng: Generator) -> Tensor:
    """Counts of Poisson with mean `photons` at white, back in [0, 1]. Images of 8 bits.

    Each is one of the 4,096 quantiles in the middle of equal shares, five times as fast as to draw from all.
    """
    lanes = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(generator=rng)  # four draws in each
    drawn = lanes.view(torch.int16)[: x.numel()].view(x.shape).bitwise_and(_SHARES - 1)
    levels = (x * 255).round_().int()
    return _quantiles(photons).take(levels.mul_(_SHARES).add_(drawn).long()) / photons


@lru_cache(maxsize=8)
def _quantiles(photons: float) -> Tensor:
    """(256 * 4096,) float32: those of Poisson's distribution for each grey level, rising."""
    means = np.arange(256) * (photons / 255)
    counts = np.arange(int(photons + 8 * photons**0.5))
    shares = (np.arange(_SHARES) + 0.5) / _SHARES
    rows = [np.searchsorted(row, shares) for row in special.pdtr(counts, means[:, None])]
    return torch.from_numpy(np.concatenate(rows)).float()


def impulse_noise(x: Tensor, share: float, rng: Generator) -> Tensor:
    """Values replaced by black or white, each with probability share / 2."""
    drawn = torch.rand(x.shape, generator=rng)
    return torch.where(drawn < share, (drawn < share / 2).to(x.dtype), x)


CORRUPTIONS = {
    "gaussian_noise": (gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "shot_noise": (shot_noise, (500.0, 250.0, 100.0, 75.0, 50.0)),
    "impulse_noise": (impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07)),
}
