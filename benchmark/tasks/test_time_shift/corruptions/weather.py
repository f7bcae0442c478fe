"""Weather. Images x: (n, c, s, s) float32 in [0, 1]; results may leave it."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from benchmark.tasks.test_time_shift.corruptions.filters import per_size, plasma, streaked, zoomed

_GREY = (0.299, 0.587, 0.114)
_ICE = (0.89, 1.02, 1.09)


def snow(x: Tensor, fall: tuple[float, ...], rng: Generator) -> Tensor:
    """Flakes, streaked by the wind, before a whitened image.

    fall: mean, scale, zoom and threshold of the flakes' noise; radius and sigma of their streaks; the image's share
    before it is whitened.
    """
    mean, scale, zoom, threshold, radius, sigma, share = fall
    flakes = zoomed(mean + scale * torch.randn(len(x), 1, *x.shape[2:], generator=rng), zoom)
    flakes = torch.where(flakes < threshold, 0.0, flakes).clamp(0, 1)
    angles = torch.rand(len(x), generator=rng, dtype=torch.float64) * 90 - 135
    flakes = streaked((flakes * 255).floor() / 255, radius * per_size(x), sigma * per_size(x), angles)
    white = torch.maximum(x, 1.5 * grey(x) + 0.5)
    return share * x + (1 - share) * white + flakes + flakes.flip(2, 3)


def frost(x: Tensor, ice: tuple[float, float], rng: Generator) -> Tensor:
    """A weighted sum of the image and of ice: bright, bluish, rough. ice: both weights.

    Crops of 32 pixels from the five released photographs, at their scale of 0.2, have brightness 0.64 in the mean, 0.15
    its standard deviation between crops and 0.087 within; a neighbour's correlation is 0.33, and 0.1 eight pixels on.
    So has this: a level for each image, and grains upon a fractal.
    """
    count, channels, size, _ = x.shape
    level = 0.38 + 0.52 * torch.rand(count, 1, 1, 1, generator=rng)
    fractal = 0.25 * (plasma(count, size, 1.5, rng) - 0.5)
    crystals = level + fractal + 0.07 * torch.randn(count, 1, size, size, generator=rng)
    tint = torch.tensor(_ICE if channels == 3 else (1.0,)).view(1, -1, 1, 1)
    return ice[0] * x + ice[1] * (tint * crystals).clamp(0, 1)


def fog(x: Tensor, mist: tuple[float, float], rng: Generator) -> Tensor:
    """Add a fractal, and keep each image's brightest value. mist: density, and how fast the fractal smoothens."""
    density, decay = mist
    brightest = x.amax((1, 2, 3), keepdim=True)
    return (x + density * plasma(len(x), x.shape[-1], decay, rng)) * brightest / (brightest + density)


def brightness(x: Tensor, more: float, rng: Generator) -> Tensor:
    """Raise the value of HSV; hue and saturation stay, so that channels keep their ratios."""
    value = x.amax(1, keepdim=True)
    raised = (value + more).clamp_max(1)
    return torch.where(value > 0, x * (raised / value.clamp_min(1e-12)), raised)


def grey(x: Tensor) -> Tensor:
    """Luma (n, 1, s, s) of colour images; grey ones as they are."""
    if x.shape[1] == 1:
        return x
    red, green, blue = (weight * channel for weight, channel in zip(_GREY, x.unbind(1), strict=True))
    return (red + green + blue).unsqueeze(1)


CORRUPTIONS = {
    "snow": (
        snow,
        (
            (0.1, 0.2, 1.0, 0.6, 8.0, 3.0, 0.95),
            (0.1, 0.2, 1.0, 0.5, 10.0, 4.0, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10.0, 4.0, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12.0, 6.0, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14.0, 12.0, 0.8),
        ),
    ),
    "frost": (frost, ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))),
    "fog": (fog, ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))),
    "brightness": (brightness, (0.05, 0.1, 0.15, 0.2, 0.3)),
}
