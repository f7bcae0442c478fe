"""Linformer. Wang, Li, Khabsa, Fang, Ma: Linformer: Self-Attention with Linear Complexity, arXiv:2006.04768.

Keys and values are projected along the length to a fixed number of rows, and every query attends to those. The
projections are learned and belong to one length; where attention is timed they are as drawn, so that its cost is its
own and its error that of an untrained layer. Of all tokens only: no causal form.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.tasks.long_sequence import encode, recall
from benchmark.tasks.long_sequence.attention.interface import EncodeAttention
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.learner import RecallLearner
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.setups import EncodeSetup
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("linformer", role="baseline", paper="arXiv:2006.04768", tiers=("smoke", "standard"))
class Linformer(EncodeAttention):
    """rank: rows of the projections (256, section 5.1), shared by heads, and by keys and values (section 4).

    No estimate of exact attention: weights are of sums of keys, and any number of random sums stays that.
    """

    def __init__(self, setup: EncodeSetup, *, rank: int = 256) -> None:
        self._setup = setup
        self._rank = rank
        self._projections: dict[int, Tensor] = {}

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        projection = self._projection(k.shape[2])
        return exact(q, projection @ k, projection @ v)

    def _projection(self, length: int) -> Tensor:
        """The projection (rank, length) of a length, drawn when first used."""
        if length not in self._projections:
            rng = self._setup.generator("projection", length)
            drawn = torch.randn(self._rank, length, generator=rng) * self._rank**-0.5
            self._projections[length] = drawn.to(self._setup.device)
        return self._projections[length]


@recall.track.method("linformer", role="baseline", paper="arXiv:2006.04768")
class LinformerLearner(RecallLearner):
    """rank: rows of the projections (16, of up to 65 tokens; the paper has 256 of 512 or more, section 5.1);  rate: of
    the projections.
    """

    pace = 0.5

    def __init__(self, setup: RecallSetup, *, rank: int = 16, rate: float = 10.0) -> None:
        super().__init__(setup)
        self._rank = rank
        self._rate = rate

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        rng = self.setup.generator(exercise, "projection", layer)
        made = _Projected(torch.randn(self._rank, self.setup.length_of(exercise), generator=rng) * self._rank**-0.5)
        made.rate = self._rate
        return made


class _Projected(Attention):
    """A learned projection (rank, length), one for keys and values of all heads, for each layer its own; of shorter
    sequences' last tokens its last columns, as places are counted from the end."""

    def __init__(self, projection: Tensor) -> None:
        super().__init__()
        self.projection = nn.Parameter(projection)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        """See `Attention.forward`."""
        projection = self.projection[:, -k.shape[2] :]
        return exact(q, projection @ k, projection @ v)
