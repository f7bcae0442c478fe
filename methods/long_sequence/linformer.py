"""Linformer. Wang, Li, Khabsa, Fang, Ma: Linformer: Self-Attention with Linear Complexity, arXiv:2006.04768.

Keys and values are projected along the length to a fixed number of rows, and every query attends to those. The
projections are learned and belong to one length; here they are as drawn, so that its cost is its own and its error that
of an untrained layer. Of all tokens only: no causal form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.attention.interface import DifferentiableAttention
from benchmark.attention.softmax import exact
from benchmark.tasks.long_sequence import EncodeSetup, encode


@encode.method("linformer", role="baseline", paper="arXiv:2006.04768")
class Linformer(DifferentiableAttention):
    """rank: rows of the projections (256, section 5.1), shared by heads, and by keys and values (section 4)."""

    def __init__(self, setup: EncodeSetup, *, rank: int = 256) -> None:
        self._setup = setup
        self._rank = rank
        self._projections: dict[int, Tensor] = {}

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `DifferentiableAttention.attend`."""
        projection = self._projection(k.shape[2])
        return exact(q, projection @ k, projection @ v)

    def _projection(self, length: int) -> Tensor:
        """The projection (rank, length) of a length, drawn when first used."""
        if length not in self._projections:
            rng = self._setup.generator("projection", length)
            drawn = torch.randn(self._rank, length, generator=rng) * self._rank**-0.5
            self._projections[length] = drawn.to(self._setup.device)
        return self._projections[length]
