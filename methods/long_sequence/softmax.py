"""Exact attention (Vaswani et al. 2017, arXiv:1706.03762): softmax(q k^T / sqrt(dim)) v, at the square of the length.

The fused kernels of today hold a block of the weights at a time (Dao et al. 2022, arXiv:2205.14135); the papers on
linear attention compared with the plain form, which writes them all out. Generation keeps all keys and values.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor

from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.softmax import CachedDecoder, ExactEncoder, exact
from benchmark.tasks.long_sequence.learner import Fixed, RecallLearner
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("softmax", role="baseline", paper="arXiv:2205.14135")
class FusedSoftmax(ExactEncoder):
    """The best kernel of the device: what the anchor is, and so as fast as it."""


@encode.track.method("softmax-plain", role="baseline", paper="arXiv:1706.03762", tiers=("smoke", "standard"))
class PlainSoftmax(ExactEncoder):
    """All weights at once, which at 8,192 tokens takes longer than all others together."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        return exact(q, k, v, plain=True)


@decode.track.method("softmax", role="baseline", paper="arXiv:2205.14135")
class CachedSoftmax(CachedDecoder):
    """The best kernel of the device over cached keys and values: what the anchor is."""


@recall.track.method("softmax", role="baseline", paper="arXiv:2205.14135")
class SoftmaxLearner(RecallLearner):
    """The best kernel of the device."""

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(exact)


@recall.track.method("softmax-plain", role="baseline", paper="arXiv:1706.03762", tiers=("smoke", "standard", "paper"))
class PlainSoftmaxLearner(RecallLearner):
    """All weights at once: other speed, and the same accuracy but for rounding."""

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(partial(exact, plain=True))
