"""What corruptions are made of: kernels, resampling and warps of batches of square images (n, c, s, s).

Sums run in a fixed order over whole tensors or in double precision, so that no bit depends on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from torch import Tensor

REFERENCE_SIZE = 32
"""Side in pixels of the images that the published parameters are made for."""


def per_size(x: Tensor) -> float:
    """By how much lengths given for 32 pixels are multiplied for these images."""
    return x.shape[-1] / REFERENCE_SIZE


def matrix_of(change: Callable[[Tensor], Tensor], size: int) -> csr_array:
    """Return the sparse matrix (s^2, s^2) float32 of a linear map of images (n, 1, s, s): a column for each pixel."""
    points = torch.eye(size * size).view(-1, 1, size, size)
    return csr_array(change(points).view(size * size, -1).T.numpy())


def mixed(x: Tensor, matrix: csr_array) -> Tensor:
    """Apply a matrix of `matrix_of` to each channel of each image: each sum in one thread, in the order of pixels."""
    planes = x.flatten(2).flatten(0, 1).T.contiguous().numpy()
    return torch.from_numpy(matrix @ planes).T.reshape(x.shape)


def correlate(x: Tensor, kernel: Tensor) -> Tensor:
    """Correlate each channel with a small kernel (k, k), k odd; beyond the border pixels repeat mirrored, dcb|abcd."""
    padded = F.pad(x, (len(kernel) // 2,) * 4, mode="reflect")
    channels = x.shape[1]
    return F.conv2d(padded, kernel.to(x.dtype).expand(channels, 1, -1, -1), groups=channels)


def gaussian(sigma: float, reach: int) -> Tensor:
    """Weights (2 reach + 1,) of a Gaussian, with sum 1."""
    if sigma <= 0:
        return (torch.arange(-reach, reach + 1) == 0).double()
    weights = (-torch.arange(-reach, reach + 1, dtype=torch.float64).square() / (2 * sigma**2)).exp()
    return weights / weights.sum()


def blurred(x: Tensor, sigma: float, *, truncate: float, border: str) -> Tensor:
    """Gaussian blur cut off at truncate * sigma. border: "nearest" repeats the last pixel, "symmetric" is dcba|abcd."""
    return separable(x, _blur_matrix(sigma, x.shape[-1], int(truncate * sigma + 0.5), border))


def separable(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply the matrix (t, s) float64 to columns and to rows: (n, c, t, t).

    In double precision: how a product is summed may depend on the number of threads, and rounding removes that.
    """
    return (matrix @ x.double() @ matrix.T).to(x.dtype)


def zoomed(x: Tensor, factor: float) -> Tensor:
    """Zoom into the centre, bilinearly, at the same size.

    As published: a centre of ceil(size / factor) pixels is stretched so that its first and last pixels fall on those of
    round(factor) times as many, and these are cut to size.
    """
    size = x.shape[-1]
    inner = math.ceil(size / factor)
    stretched = round(inner * factor)
    places = (torch.arange(size) + (stretched - size) // 2).double() * (inner - 1) / (stretched - 1)
    lower = places.floor().long().clamp_max(inner - 2)
    upper = (places - lower).to(x.dtype)
    first = lower + (size - inner) // 2
    for axis, weight in ((2, upper[:, None]), (3, upper)):
        near, far = x.index_select(axis, first), x.index_select(axis, first + 1)
        x = far.sub_(near).mul_(weight).add_(near)
    return x


def streaked(x: Tensor, radius: float, sigma: float, degrees: Tensor) -> Tensor:
    """Motion blur of each image along its own angle (n,), clockwise from the right.

    ImageMagick's: half a Gaussian, exp(-i^2 / 2 sigma^2) for i = 0 ... 2 radius, taken at the pixels nearest to the
    line; the last pixel repeats beyond the border.
    """
    count, channels, size, _ = x.shape
    taps = torch.arange(2 * math.ceil(radius) + 1, dtype=torch.float64)
    bell = (-taps.square() / (2 * sigma**2)).exp()
    weights = (bell / bell.sum()).tolist()
    angle = torch.deg2rad(degrees.double())
    place = torch.arange(size)
    flat = x.reshape(count, channels, size * size)
    result = torch.zeros_like(flat)
    for tap, weight in enumerate(weights):
        if weight < 1e-5:  # a hundredth of a grey level over all that follow
            break
        right, down = ((tap * part - 0.5).ceil().long() for part in (angle.cos(), angle.sin()))
        rows, columns = ((place + shift[:, None]).clamp(0, size - 1) for shift in (down, right))
        indices = (rows[:, :, None] * size + columns[:, None, :]).view(count, 1, -1).expand(-1, channels, -1)
        result += weight * flat.gather(2, indices)
    return result.view_as(x)


def sampled(x: Tensor, rows: Tensor, columns: Tensor, *, border: str) -> Tensor:
    """Read images bilinearly at places (n, s, s), in pixels.

    border: how images go on beyond it, "reflect" is dcb|abcd, "symmetric" is dcba|abcd
    """
    size = x.shape[-1]
    corners = border == "reflect"
    places = torch.stack([columns, rows], dim=-1)
    grid = 2 * places / (size - 1) - 1 if corners else (2 * places + 1) / size - 1
    return F.grid_sample(x, grid.to(x.dtype), padding_mode="reflection", align_corners=corners)


def plasma(count: int, size: int, decay: float, rng: torch.Generator) -> Tensor:
    """Diamond-square fractals (count, 1, size, size) in [0, 1], the smoother the larger the decay.

    On a torus of the next power of two. A new point is the mean of its four neighbours plus w U(-w, w) with w = 100 at
    first, divided by `decay` from level to level: the square of what one would expect, as in the published code.
    """
    side = 2 ** math.ceil(math.log2(size))
    field = torch.zeros(count, side, side, dtype=torch.float64)
    step, wobble = side, 100.0

    def wobbled(total: Tensor) -> Tensor:
        drawn = torch.rand(total.shape, generator=rng, dtype=torch.float64) * 2 - 1
        return total / 4 + wobble**2 * drawn

    while step >= 2:
        half = step // 2
        corners = field[:, ::step, ::step]
        rows = corners + corners.roll(-1, 1)
        centres = wobbled(rows + rows.roll(-1, 2))
        field[:, half::step, half::step] = centres
        field[:, ::step, half::step] = wobbled(centres + centres.roll(1, 1) + (corners + corners.roll(-1, 2)))
        field[:, half::step, ::step] = wobbled(centres + centres.roll(1, 2) + (corners + corners.roll(-1, 1)))
        step, wobble = half, wobble / decay
    field = field - field.amin((1, 2), keepdim=True)
    field = field / field.amax((1, 2), keepdim=True)
    return field[:, None, :size, :size].float()


@lru_cache(maxsize=64)
def _blur_matrix(sigma: float, size: int, reach: int, border: str) -> Tensor:
    """(size, size): row i holds what pixel i takes from each, those beyond the border folded back in."""
    places = torch.arange(size)[:, None] + torch.arange(-reach, reach + 1)
    if border == "nearest":
        places = places.clamp(0, size - 1)
    else:
        places = places % (2 * size)
        places = torch.where(places < size, places, 2 * size - 1 - places)
    weights = gaussian(sigma, reach).expand(size, -1)
    return torch.zeros(size, size, dtype=torch.float64).scatter_add_(1, places, weights)
