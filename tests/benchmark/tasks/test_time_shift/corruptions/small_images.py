"""Images to corrupt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmark.seeding import generator

Array = NDArray[np.float64]


def images(count: int = 40, channels: int = 3, size: int = 32) -> Tensor:
    """Smooth images with edges, as photographs have: uint8."""
    rng = generator(0, "images", channels, size)
    coarse, places = torch.rand(2, count, channels, 5, 5, generator=rng)
    smooth, shape = (F.interpolate(each, size=(size, size), mode="bilinear") for each in (coarse, places))
    return (torch.where(shape[:, :1] > 0.6, 1 - smooth, smooth) * 255).to(torch.uint8)


def floats(count: int = 6, channels: int = 3, size: int = 32) -> Tensor:
    return images(count, channels, size).float() / 255


def rng(*path: int | str) -> torch.Generator:
    return generator(1, *path)


def planes(x: Tensor) -> Iterator[tuple[tuple[int, int], Array]]:
    """Each channel of each image, as float64 (h, w)."""
    for index, image in enumerate(x):
        for channel, plane in enumerate(image):
            yield (index, channel), plane.double().numpy()
