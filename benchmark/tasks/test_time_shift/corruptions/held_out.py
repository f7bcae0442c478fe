"""Four corruptions to tune on. Images x: (n, c, s, s) float32 in [0, 1]; results may leave it."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from benchmark.tasks.test_time_shift.corruptions.filters import blurred, correlate, per_size

_WATER = (0.69, 0.93, 0.93)
_MUD = (0.25, 0.16, 0.08)
_RELIEF = ((-2.0, -1.0, 0.0), (-1.0, 1.0, 1.0), (0.0, 1.0, 2.0))


def speckle_noise(x: Tensor, scale: float, rng: Generator) -> Tensor:
    """x + scale x n: noise that grows with the brightness."""
    return x + scale * x * torch.randn(x.shape, generator=rng)


def gaussian_blur(x: Tensor, sigma: float, rng: Generator) -> Tensor:
    """Gaussian blur."""
    return blurred(x, sigma * per_size(x), truncate=4, border="nearest")


def spatter(x: Tensor, liquid: tuple[float, float, float, float, float, bool], rng: Generator) -> Tensor:
    """Drops where smoothed noise is high: mud covers the image, water adds light. One colour each.

    liquid: mean, scale, sigma and threshold of the noise;  for mud the sigma of the drops' edges, of which less than
    0.8 is cut, for water the weight of the brightest pixel;  whether it is mud.
    Water as released is shaded by OpenCV's filters of the distance to the drops' edges. Here each drop's height is
    seen lit from one side by the same relief filter, which gives shares and weights near those (`_RELIEF`).
    """
    mean, scale, sigma, threshold, edge, is_mud = liquid
    scaled = max(1.0, per_size(x))  # drops are a pixel or two on CIFAR already
    layer = mean + scale * torch.randn(len(x), 1, *x.shape[2:], generator=rng)
    layer = blurred(layer, sigma * scaled, truncate=4, border="nearest")
    colour = torch.tensor(_MUD if is_mud else _WATER)
    colour = (colour if x.shape[1] == 3 else colour.mean(0, keepdim=True)).view(1, -1, 1, 1)
    wet = (layer > threshold).float()
    if not is_mud:
        lit = wet * correlate((layer - threshold).clamp_min(0), torch.tensor(_RELIEF)).clamp_min(0)
        return x + edge * lit / lit.amax((1, 2, 3), keepdim=True).clamp_min(1e-6) * colour
    drops = blurred(wet, edge * scaled, truncate=4, border="nearest")
    drops = torch.where(drops < 0.8, 0.0, drops)
    return (1 - drops) * x + drops * colour


def saturate(x: Tensor, change: tuple[float, float], rng: Generator) -> Tensor:
    """Change the saturation S of HSV to a S + b, cut to [0, 1]; what has no hue turns red. change: a and b."""
    if x.shape[1] == 1:
        return x
    value = x.amax(1, keepdim=True)
    missing = (value - x) / value.clamp_min(1e-12)  # of each channel against the strongest: saturation times hue
    saturation = missing.amax(1, keepdim=True)
    hue = torch.where(saturation > 0, missing / saturation.clamp_min(1e-12), torch.tensor([0.0, 1, 1]).view(1, 3, 1, 1))
    return value * (1 - hue * (change[0] * saturation + change[1]).clamp(0, 1))


CORRUPTIONS = {
    "speckle_noise": (speckle_noise, (0.06, 0.1, 0.12, 0.16, 0.2)),
    "gaussian_blur": (gaussian_blur, (0.4, 0.6, 0.7, 0.8, 1.0)),
    "spatter": (
        spatter,
        (
            (0.62, 0.1, 0.7, 0.7, 0.5, False),
            (0.65, 0.1, 0.8, 0.7, 0.5, False),
            (0.65, 0.3, 1.0, 0.69, 0.5, False),
            (0.65, 0.1, 0.7, 0.69, 0.6, True),
            (0.65, 0.1, 0.5, 0.68, 0.6, True),
        ),
    ),
    "saturate": (saturate, ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2))),
}
