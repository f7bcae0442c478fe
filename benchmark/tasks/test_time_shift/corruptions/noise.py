"""Noise: independent in every pixel and channel. Images x: (n, c, s, s) float32 in [0, 1]; results may leave it."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def gaussian_noise(x: Tensor, scale: float, rng: Generator) -> Tensor:
    """x + scale n."""
    return x + scale * torch.randn(x.shape, generator=rng)


def shot_noise(x: Tensor, photons: float, rng: Generator) -> Tensor:
    """Counts of Poisson with mean `photons` at white, back in [0, 1]."""
    return torch.poisson(x * photons, generator=rng) / photons


def impulse_noise(x: Tensor, share: float, rng: Generator) -> Tensor:
    """Values replaced by black or white, each with probability share / 2."""
    drawn = torch.rand(x.shape, generator=rng)
    return torch.where(drawn < share, (drawn < share / 2).to(x.dtype), x)


CORRUPTIONS = {
    "gaussian_noise": (gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "shot_noise": (shot_noise, (500.0, 250.0, 100.0, 75.0, 50.0)),
    "impulse_noise": (impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07)),
}
