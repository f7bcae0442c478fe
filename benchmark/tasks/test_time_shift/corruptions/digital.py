"""Digital corruptions. Images x: (n, c, s, s) float32 in [0, 1]; results may leave it."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import csr_array
from torch import Generator, Tensor

from benchmark.tasks.test_time_shift.corruptions.filters import blurred, matrix_of, mixed, sampled, separable


def contrast(x: Tensor, share: float, rng: Generator) -> Tensor:
    """Bring each channel of an image nearer to its mean."""
    mean = x.mean((2, 3), keepdim=True, dtype=torch.float64).float()
    return (x - mean) * share + mean


def elastic_transform(x: Tensor, rubber: tuple[float, float, float], rng: Generator) -> Tensor:
    """Move three points of the image and all with them, then every pixel by a smooth random field.

    rubber: amplitude and sigma of the field, and the points' largest shift along an axis, in sides of the image.
    """
    size = x.shape[-1]
    amplitude, sigma, shift = (part * size for part in rubber)
    rows, columns = _affine(len(x), size, shift, rng)
    x = sampled(x, rows, columns, border="reflect")
    field = torch.rand(len(x), 2, size, size, generator=rng, dtype=torch.float64) * 2 - 1
    down, right = (blurred(field, sigma, truncate=3, border="symmetric") * amplitude).unbind(1)
    grid = torch.arange(size, dtype=torch.float64)
    return sampled(x, grid[:, None] + down, grid + right, border="symmetric")


def pixelate(x: Tensor, share: float, rng: Generator) -> Tensor:
    """Average down to a share of the side, and repeat pixels back to size."""
    return mixed(x, _pixels(x.shape[-1], share))


def jpeg_compression(x: Tensor, quality: int, rng: Generator) -> Tensor:
    """Through a JPEG file and back, image by image."""
    pixels = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    grey = pixels.shape[3] == 1
    read = np.stack([_through_jpeg(image[:, :, 0] if grey else image, quality) for image in pixels])
    return torch.from_numpy(read).view(pixels.shape).permute(0, 3, 1, 2).float().div_(255)


def _affine(count: int, size: int, shift: float, rng: Generator) -> tuple[Tensor, Tensor]:
    """Rows and columns (count, size, size) from which to read, so that three points move by up to `shift` pixels."""
    centre, arm = size // 2, size // 3
    corners = [[centre + arm, centre + arm], [centre + arm, centre - arm], [centre - arm, centre - arm]]
    source = torch.tensor(corners, dtype=torch.float64).expand(count, 3, 2)
    target = source + (torch.rand(count, 3, 2, generator=rng, dtype=torch.float64) * 2 - 1) * shift
    back = torch.linalg.solve(torch.cat([target, torch.ones(count, 3, 1, dtype=torch.float64)], dim=2), source)
    columns, rows = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="xy")
    (xx, xy), (yx, yy), (x0, y0) = (row.unbind(1) for row in back.unsqueeze(3).unsqueeze(4).unbind(1))
    return columns * xy + rows * yy + y0, columns * xx + rows * yx + x0


def _boxes(outputs: int, inputs: int) -> Tensor:
    """(outputs, inputs) float64: each output averages the inputs whose centres lie in its box, as Pillow does."""
    scale = inputs / outputs
    support = max(scale, 1.0) / 2
    matrix = torch.zeros(outputs, inputs, dtype=torch.float64)
    for row in range(outputs):
        centre = (row + 0.5) * scale
        first, last = max(0, int(centre - support + 0.5)), min(inputs, int(centre + support + 0.5))
        matrix[row, first:last] = 1 / (last - first)
    return matrix


def _through_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file, formats=("JPEG",)))


@lru_cache(maxsize=16)
def _pixels(size: int, share: float) -> csr_array:
    small = int(size * share)
    both = _boxes(size, small) @ _boxes(small, size)
    return matrix_of(lambda points: separable(points, both), size)


CORRUPTIONS = {
    "contrast": (contrast, (0.75, 0.5, 0.4, 0.3, 0.15)),
    "elastic_transform": (
        elastic_transform,
        ((0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
    ),
    "pixelate": (pixelate, (0.95, 0.9, 0.85, 0.75, 0.65)),
    "jpeg_compression": (jpeg_compression, (80, 65, 58, 50, 40)),
}
