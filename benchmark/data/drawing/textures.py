"""Smooth random grounds and how figures are laid on them, for datasets whose images are not characters on black.

Random numbers are drawn apart from the pixels made of them, so that pixels can be made in blocks of any size. Pixels
come from single additions, multiplications and comparisons alone, without sums of unknown order: they are equal bit
for bit under any number of threads and in any block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

OCTAVES = ((2, 1.0), (4, 0.6), (8, 0.35))
"""Layers of a ground: cells along a side, and amplitude."""
NUMBERS = sum((cells + 3) ** 2 for cells, _ in OCTAVES)
"""Random numbers behind one ground: a cubic spline over n cells takes n + 3 coefficients a side."""
DECISIVE = (1, OCTAVES)
"""For the fingerprints of what is drawn on a ground; raise the number when the same numbers make other pixels here."""


def ground_numbers(count: int, generator: Generator) -> Tensor:
    """Draw what is random about `count` grounds: (count, NUMBERS) float32."""
    import torch

    return torch.randn(count, NUMBERS, generator=generator)


def ground(numbers: Tensor, size: int) -> Tensor:
    """Make smooth grey fields: (n, NUMBERS) -> (n, size, size) float32, each from 0 at its darkest to 1.

    Sums of uniform cubic B-splines with random coefficients (de Boor 1978, A Practical Guide to Splines).
    """
    import torch

    field = torch.zeros(len(numbers), size, size)
    first = 0
    for cells, amplitude in OCTAVES:
        side = cells + 3
        coefficients = numbers[:, first : first + side**2].reshape(-1, side, side)
        field += amplitude * _splines(coefficients, size)
        first += side**2
    low, high = field.amin((1, 2), keepdim=True), field.amax((1, 2), keepdim=True)
    return (field - low) / (high - low).clamp_min(1e-6)


def smooth_texture(count: int, size: int, generator: Generator) -> Tensor:
    """Draw smooth random grey fields: (count, 1, size, size) float32 in [0, 1]."""
    return ground(ground_numbers(count, generator), size).unsqueeze(1)


def inked(paper: Tensor, ink: Tensor, depth: Tensor) -> Tensor:
    """Darken a ground under a figure, as ink or a shadow does: its texture stays visible.

    paper: (n, height, width) brightness;  ink: (n, height, width) in [0, 1], where the figure is;  depth: (n, 1, 1),
    the share of the brightness that full ink takes away.
    """
    return paper * (1 - depth * ink)


def covered(paper: Tensor, figure: Tensor, brightness: Tensor) -> Tensor:
    """Lay an opaque figure of one brightness, (n, 1, 1), on a ground. Shapes of `paper` and `figure` as in `inked`."""
    return paper + figure * (brightness - paper)


def lit(image: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Light a scene from one side: brightness times 1 - across to 1 + across from left to right, and so downwards.

    image: (n, size, size);  across, down: (n, 1, 1)
    """
    x = centres(image.shape[-1]).to(image.dtype)
    return image * (1 + across * x + down * x.unsqueeze(1))


def centres(size: int) -> Tensor:
    """Where the middles of a row's pixels lie, in half widths from the middle of the image: (size,) float64."""
    import torch

    return (torch.arange(size, dtype=torch.float64) + 0.5) * (2 / size) - 1


def _splines(coefficients: Tensor, size: int) -> Tensor:
    """Evaluate tensor-product cubic B-splines, (n, cells + 3, cells + 3), at the pixels: (n, size, size)."""
    import torch

    cells = coefficients.shape[-1] - 3
    at = (torch.arange(size, dtype=torch.float64) + 0.5) * (cells / size)
    cell = at.long()
    t = at - cell
    weights = (
        torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]).div(6).float()
    )
    rows = torch.zeros(len(coefficients), size, cells + 3)
    for step, weight in enumerate(weights):
        rows += coefficients[:, cell + step] * weight.view(1, -1, 1)
    field = torch.zeros(len(coefficients), size, size)
    for step, weight in enumerate(weights):
        field += rows[:, :, cell + step] * weight
    return field
