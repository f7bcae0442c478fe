"""Point clouds of known dimension. Each maker draws from the generator that it is handed and gives (n, D) float32.

Linear and curved ones are exact; of decoders and of glyphs the dimension is that of the coordinates left free, which
the rank of the Jacobian confirms in the tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

LATENT = 128
"""Coordinates that a decoder takes, as BigGAN's."""
FACTORS = (0.3, 0.3, 0.6, 0.25)
"""Largest shift along x and y in half widths, turn in radians, and logarithm of the scale, either way."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points of a family.

    points: (n, D) float32, no two equal;  truth: their dimension, or None if nobody knows;  bound: the truth is the
    most that it can be;  shape: (channels, height, width) of points that are images;  dropped: points that equalled
    another and were left out.
    """

    name: str
    family: str
    points: Tensor
    truth: int | None
    bound: bool = False
    shape: tuple[int, int, int] | None = None
    dropped: int = 0


def isometry(d: int, ambient: int, rng: Generator) -> Tensor:
    """A random isometry of d in `ambient` >= d dimensions: (d, ambient) with orthonormal rows."""
    columns, triangle = torch.linalg.qr(torch.randn(ambient, d, generator=rng, dtype=torch.float64))
    rows: Tensor = (columns * triangle.diagonal().sign()).T.float()  # with these signs uniform (math-ph/0609050)
    return rows


def linear(d: int, count: int, ambient: int, rng: Generator) -> Tensor:
    """A uniform cube."""
    return torch.rand(count, d, generator=rng) @ isometry(d, ambient, rng)


def sphere(d: int, count: int, ambient: int, rng: Generator) -> Tensor:
    """The unit sphere S^d, uniformly: curved, and without a boundary."""
    return F.normalize(torch.randn(count, d + 1, generator=rng), dim=1) @ isometry(d + 1, ambient, rng)


def waves(d: int, count: int, ambient: int, rng: Generator) -> Tensor:
    """The sphere S^d with sinusoids along random directions added in as many further ones: a graph, so of dimension d.

    The wave numbers are normal with deviation 2: then at 2000 points and 16 dimensions the bend raises estimates by
    maximum likelihood about as much as sparsity lowers them. With 1 they are 13 % too low, with 3 27 % too high.
    """
    flat = F.normalize(torch.randn(count, d + 1, generator=rng), dim=1)
    direction, phase = 2 * torch.randn(d + 1, d + 1, generator=rng), 2 * math.pi * torch.rand(d + 1, generator=rng)
    bent = torch.sin(flat @ direction + phase) / (d + 1) ** 0.5
    return torch.cat([flat, bent], 1) @ isometry(2 * (d + 1), ambient, rng)


@dataclass(frozen=True, slots=True)
class Decoder:
    """A random convolutional decoder: LATENT coordinates -> images.

    first: (channels * 16, LATENT);  kernels: of 3x3 convolutions, each after an enlargement to twice the side.
    """

    first: Tensor
    kernels: tuple[Tensor, ...]

    @classmethod
    def drawn(cls, channels: int, side: int, rng: Generator, *, width: int = 32) -> Decoder:
        """A decoder of images (channels, side, side), side 4 times a power of 2; variances are kept by He's weights."""
        sizes = [width] * round(math.log2(side / 4)) + [channels]
        kernels = tuple(
            torch.randn(outputs, inputs, 3, 3, generator=rng) * (2 / (9 * inputs)) ** 0.5
            for inputs, outputs in pairwise(sizes)
        )
        return cls(torch.randn(width * 16, LATENT, generator=rng) * (2 / LATENT) ** 0.5, kernels)

    def __call__(self, latents: Tensor) -> Tensor:
        """latents: (n, LATENT) -> images (n, channels, side, side) in [0, 1]."""
        maps = F.relu(latents @ self.first.T).unflatten(1, (-1, 4, 4))
        for kernel in self.kernels[:-1]:
            maps = F.leaky_relu(F.conv2d(F.interpolate(maps, scale_factor=2.0), kernel, padding=1), 0.2)
        images = torch.tanh(F.conv2d(F.interpolate(maps, scale_factor=2.0), self.kernels[-1], padding=1))
        return (images + 1) / 2


class OddDecoder(Decoder):
    """One whose images of z and -z are negatives of each other, as every layer is odd: their mean is grey.

    Hyperbolic tangents in place of rectifiers, of sums of variance 2.25.
    """

    def __call__(self, latents: Tensor) -> Tensor:
        """See `Decoder.__call__`."""
        gain = 1.5 / 2**0.5  # He's weights have twice the variance that keeps a sum's
        maps = torch.tanh(gain * (latents @ self.first.T)).unflatten(1, (-1, 4, 4))
        for kernel in self.kernels:
            maps = torch.tanh(gain * F.conv2d(F.interpolate(maps, scale_factor=2.0), kernel, padding=1))
        images: Tensor = (maps + 1) / 2
        return images


def latents(d: int, count: int, rng: Generator, *, most: int, scale: float) -> Tensor:
    """Latent vectors (count, most) of which the last d entries are free, normals cut off at 2, and the others 0.

    Times scale * (most / d)^(1/2), so that their length does not depend on d.
    """
    free = torch.nn.init.trunc_normal_(torch.empty(count, d), generator=rng)
    return F.pad(free * (scale * (most / d) ** 0.5), (most - d, 0))


def decoded(decoder: Decoder, d: int, count: int, rng: Generator) -> Tensor:
    """Images of a decoder with d free coordinates: (count, channels, side, side)."""
    free = latents(d, count, rng, most=LATENT, scale=0.5)
    return torch.cat([decoder(part) for part in free.split(1000)])


def drawn_factors(k: int, count: int, rng: Generator) -> Tensor:
    """Uniform factors (count, 4), of which the first k of shift x, shift y, turn and scale are free, the rest 0."""
    uniform = 2 * torch.rand(count, k, generator=rng) - 1
    return F.pad(uniform * torch.tensor(FACTORS[:k]), (0, 4 - k))


def moved(image: Tensor, factors: Tensor, side: int) -> Tensor:
    """One image (channels, h, w), moved by factors (n, 4) and drawn at `side` pixels: (n, channels, side, side).

    The image is smoothed first to what so few pixels can show, so that the cloud is smooth in the factors.
    """
    fine = image.shape[-1] / side
    radius = max(1, round(1.5 * fine))
    bell = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / (0.6 * fine)) ** 2)
    bell = bell / bell.sum()
    padded = F.pad(image.unsqueeze(1), [radius] * 4, mode="replicate")
    smooth = F.conv2d(F.conv2d(padded, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1)).squeeze(1)
    turn, zoom = factors[:, 2], torch.exp(-factors[:, 3])
    cosine, sine = zoom * turn.cos(), zoom * turn.sin()
    rows = torch.stack(
        [torch.stack([cosine, -sine, factors[:, 0]], 1), torch.stack([sine, cosine, factors[:, 1]], 1)], 1
    )
    grid = F.affine_grid(rows, [len(factors), len(image), side, side], align_corners=False)
    drawn: Tensor = F.grid_sample(
        smooth.expand(len(factors), *smooth.shape), grid, mode="bicubic", padding_mode="border", align_corners=False
    )
    return drawn


def noised(
    images: Tensor, pixels: int, rng: Generator, *, places: Generator | None = None, reach: float | None = None
) -> Tensor:
    """Images (n, channels, h, w) with uniform noise in `pixels` random places, the same in all.

    places: says which, `rng` without one;  reach: the noise lies in [-reach, reach], in [0, 1] without one
    """
    flat = images.flatten(1).clone()
    where = torch.randperm(flat.shape[1], generator=places or rng)[:pixels]
    noise = torch.rand(len(flat), pixels, generator=rng)
    flat[:, where] = noise if reach is None else reach * (2 * noise - 1)
    return flat.view_as(images)
