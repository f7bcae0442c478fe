"""Feature maps of linear attention: q . k is weighed by phi(q) . phi(k) in place of exp(q . k / sqrt(d)).

Sums of a million features lose nothing in float32 and much in half precision: maps compute in float32 throughout.

A map may give its features up to a positive factor per token, and says the logarithm of what it left out. For queries
any factor cancels between an attention's numerator and denominator; for keys
`benchmark.tasks.long_sequence.attention.linear` puts it back, against the largest so far. That is what stabilisers are
for, and it never looks ahead: adding the paper's epsilon to features whose maximum was taken over all keys does
(google-research/performer; lucidrains/performer-pytorch issue 82).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

LOWEST = -60.0
"""Exponents below it count as this: e^-60 is nothing beside 1 in float32, and exp of less is slow (subnormal)."""
_TINY = 1e-6


def orthogonal(
    features: int, dim: int, *, heads: int = 1, sqrt_norms: bool = False, generator: torch.Generator
) -> Tensor:
    """Draw a projection (heads, features, dim), every `dim` rows of it orthogonal (arXiv:2009.14794, section 2.4).

    Directions are Haar: rows of Q with the signs of R's diagonal. Lengths are those of fresh Gaussian vectors, so that
    each row alone is N(0, I); or sqrt(dim) with `sqrt_norms` (SMREG, theorem 1: biased towards 0, with less variance).
    """
    blocks = -(-features // dim)
    q, r = torch.linalg.qr(torch.randn(heads * blocks, dim, dim, generator=generator, device=generator.device))
    signs = r.diagonal(dim1=1, dim2=2).sign()
    rows: Tensor = (q * signs.unsqueeze(1)).mT.reshape(heads, blocks * dim, dim)[:, :features]
    if sqrt_norms:
        return rows.mul_(math.sqrt(dim))
    lengths = torch.randn(heads, features, dim, generator=generator, device=generator.device).norm(dim=2, keepdim=True)
    return rows.mul_(lengths)


def independent(features: int, dim: int, *, heads: int = 1, generator: torch.Generator) -> Tensor:
    """Draw a projection (heads, features, dim) with rows N(0, I)."""
    return torch.randn(heads, features, dim, generator=generator, device=generator.device)


class FeatureMap(ABC):
    """phi, on tokens x (n, t, dim) of n sequences, float32. It holds what it needs for each of them."""

    @property
    def floor(self) -> float:
        """Least absolute value of a normaliser. Positive features come that near 0 only where no key has a weight."""
        return 1e-30

    @abstractmethod
    def width(self, dim: int) -> int:
        """How many features a token of `dim` numbers has."""

    @abstractmethod
    def over(self, count: int) -> Self:
        """The same map for `count` sequences, a multiple of its heads, which repeat."""

    @abstractmethod
    def part(self, sequences: slice) -> Self:
        """The same map for some of its sequences."""

    @abstractmethod
    def __call__(self, x: Tensor, out: Tensor) -> Tensor | None:
        """Write features into out (n, t, width); return the logarithm (n, t) of the factor left out, None for 1."""

    @abstractmethod
    def pull(self, x: Tensor, features: Tensor, gradient: Tensor) -> Tensor:
        """Gradient (n, t, dim) of x from that of the features as written, their factor held; may overwrite it."""


@dataclass(frozen=True, eq=False)
class EluPlusOne(FeatureMap):
    """elu(x) + 1 (Katharopoulos et al. 2020, arXiv:2006.16236, equation 7)."""

    def width(self, dim: int) -> int:
        """See `FeatureMap.width`."""
        return dim

    def over(self, count: int) -> Self:
        """See `FeatureMap.over`."""
        return self

    def part(self, sequences: slice) -> Self:
        """See `FeatureMap.part`."""
        return self

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """See `FeatureMap`."""
        torch.clamp(x, LOWEST, 0, out=out)
        out.exp_().add_(x.clamp_min(0))

    def pull(self, x: Tensor, features: Tensor, gradient: Tensor) -> Tensor:
        """See `FeatureMap.pull`: the slope is exp(x) below 0 and 1 above."""
        return gradient.mul_(features.clamp(max=1))


@dataclass(frozen=True, eq=False)
class _Projected(FeatureMap):
    """Maps of u = W x. projection: W (heads or sequences, features, dim)."""

    projection: Tensor

    def over(self, count: int) -> Self:
        """See `FeatureMap.over`."""
        heads = len(self.projection)
        whole = self.projection.expand(count, -1, -1) if heads == 1 else self.projection.repeat(count // heads, 1, 1)
        return replace(self, projection=whole)

    def part(self, sequences: slice) -> Self:
        """See `FeatureMap.part`."""
        return replace(self, projection=self.projection[sequences])


@dataclass(frozen=True, eq=False)
class _Directed(_Projected):
    """Maps of u = W x or, with `unit`, of u = W x / |x|."""

    unit: bool = False

    def _direction(self, x: Tensor) -> Tensor:
        return x / _length(x) if self.unit else x

    def _unproject(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Gradient of x from that of u."""
        along = torch.bmm(gradient, self.projection)
        if not self.unit:
            return along
        direction = self._direction(x)
        return (along - direction * (along * direction).sum(2, keepdim=True)) / _length(x)


@dataclass(frozen=True, eq=False)
class Exponential(_Projected):
    """Positive random features of exp(q . k / sqrt(d)): exp(W x - |x|^2 / 2), x scaled by d^(-1/4) (arXiv:2009.14794,
    lemma 1). hyperbolic: exp(-W x - |x|^2 / 2) besides, which halves the variance or better and doubles the width.

    Expectations of products are exact up to the factor 1 / width, which cancels and is left out.
    """

    hyperbolic: bool = False

    def width(self, dim: int) -> int:
        """See `FeatureMap.width`."""
        return self.projection.shape[1] * (2 if self.hyperbolic else 1)

    def __call__(self, x: Tensor, out: Tensor) -> Tensor:
        """See `FeatureMap`: the largest feature of every token is 1."""
        scale = x.shape[2] ** -0.25
        x = x * scale
        if self.hyperbolic:
            positive, negative = out.chunk(2, dim=2)
            positive.copy_(torch.bmm(x, self.projection.mT))
            torch.neg(positive, out=negative)
        else:
            torch.bmm(x, self.projection.mT, out=out)
        top = out.amax(2, keepdim=True)
        out.sub_(top).clamp_(min=LOWEST).exp_()
        return top.squeeze(2) - x.square().sum(2) / 2

    def pull(self, x: Tensor, features: Tensor, gradient: Tensor) -> Tensor:
        """See `FeatureMap.pull`: a feature's logarithm has the gradient w - x."""
        scale = x.shape[2] ** -0.25
        gradient.mul_(features)
        total = gradient.sum(2, keepdim=True)
        if self.hyperbolic:
            positive, negative = gradient.chunk(2, dim=2)
            gradient = positive - negative
        pulled: Tensor = (torch.bmm(gradient, self.projection) - x * scale * total) * scale
        return pulled


@dataclass(frozen=True, eq=False)
class Trigonometric(_Directed):
    """Random Fourier features [sin W x, cos W x], times exp(|x|^2 / 2), of exp(q . k / temperature).

    With `unit` that factor is the same for all tokens and left out (RFA, arXiv:2103.02143, section 3); temperature is
    that paper's tau^2. Without, the products' variance grows fast with the tokens' length (arXiv:2009.14794, lemma 2).
    """

    temperature: float = 1.0
    least: float | None = None

    @property
    def floor(self) -> float:
        """See `FeatureMap.floor`: signs may cancel; `least`, or a thousandth of what a key like the query counts."""
        return 1e-3 * self.projection.shape[1] if self.least is None else self.least

    def width(self, dim: int) -> int:
        """See `FeatureMap.width`."""
        return 2 * self.projection.shape[1]

    def __call__(self, x: Tensor, out: Tensor) -> Tensor | None:
        """See `FeatureMap`."""
        sine, cosine = out.chunk(2, dim=2)
        angles = torch.bmm(self._direction(x) * self.temperature**-0.5, self.projection.mT)
        torch.sin(angles, out=sine)
        torch.cos(angles, out=cosine)
        return None if self.unit else x.square().sum(2) / (2 * self.temperature)

    def pull(self, x: Tensor, features: Tensor, gradient: Tensor) -> Tensor:
        """See `FeatureMap.pull`."""
        (sine, cosine), (of_sine, of_cosine) = features.chunk(2, dim=2), gradient.chunk(2, dim=2)
        angle = of_sine * cosine - of_cosine * sine
        pulled: Tensor = self._unproject(x, angle) * self.temperature**-0.5
        return pulled if self.unit else pulled + x * (gradient * features).sum(2, keepdim=True) / self.temperature


@dataclass(frozen=True, eq=False)
class Rectified(_Directed):
    """relu(W x) + offset: with offset 1e-3 the generalised attention of arXiv:2009.14794 (section 2.2), with `unit` and
    offset 0 RFA's arc-cosine kernel (arXiv:2103.02143, section 3). The factor 1 / features is left out.
    """

    offset: float = 0.0

    def width(self, dim: int) -> int:
        """See `FeatureMap.width`."""
        return self.projection.shape[1]

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """See `FeatureMap`."""
        torch.bmm(self._direction(x), self.projection.mT, out=out)
        out.clamp_(min=0).add_(self.offset)

    def pull(self, x: Tensor, features: Tensor, gradient: Tensor) -> Tensor:
        """See `FeatureMap.pull`."""
        return self._unproject(x, gradient.mul_(features > self.offset))


def _length(x: Tensor) -> Tensor:
    length: Tensor = x.norm(dim=2, keepdim=True)
    return length.clamp_min(_TINY)
