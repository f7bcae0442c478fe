"""Gaussian tokens: what attention is timed on. Keys carry half of their values, so that whom a query attends to shows.

Queries and keys are short, |q| |k| / sqrt(dim) is about 1 in 64 dimensions: the best key weighs a few times as much as
the mean one, and random features of softmax attention still approximate it. Ten times as long, and they do not
(their variance grows with the exponential of the squared length, arXiv:2009.14794, lemma 2).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from benchmark.data.catalogue import catalogue
from benchmark.seeding import generator

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 0.35
"""Standard deviation of queries' and keys' entries."""
SHARED = 0.5
"""Share of a value's variance that is its key's."""


@catalogue.add(
    "gaussian-tokens",
    title="Gaussian tokens: queries, keys and values to time attention on",
    licence="drawn by this project (Apache-2.0)",
    source="formula in datasets/gaussian_tokens.py",
)
class GaussianTokens:
    """See `benchmark.data.catalogue.VectorDataset`."""

    def fingerprint(self) -> str:
        """See `VectorDataset.fingerprint`."""
        return hashlib.blake2b(f"1 {SCALE} {SHARED}".encode(), digest_size=8).hexdigest()

    def vectors(self, *, batch: int, heads: int, length: int, dim: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """See `VectorDataset.vectors`."""
        import torch

        rng = generator(seed, "gaussian-tokens")
        q, k, v = torch.randn(3, batch, heads, length, dim, generator=rng)
        v.mul_((1 - SHARED) ** 0.5).add_(k, alpha=SHARED**0.5)
        return q.mul_(SCALE), k.mul_(SCALE), v
