"""Exact attention (Vaswani et al. 2017, arXiv:1706.03762): softmax(q k^T / sqrt(dim)) v, at the square of the length.

The fused kernels of today hold a block of the weights at a time (Dao et al. 2022, arXiv:2205.14135); the papers on
linear attention compared with the plain form, which writes them all out. Generation keeps all keys and values.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.interface import EncodeAttention
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.decode import DecodeSetup
from benchmark.tasks.long_sequence.encode import EncodeSetup
from benchmark.tasks.long_sequence.learner import Fixed, RecallLearner
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("softmax", role="baseline", paper="arXiv:2205.14135")
class FusedSoftmax(EncodeAttention):
    """The best kernel of the device."""

    def __init__(self, setup: EncodeSetup) -> None:
        pass

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        return exact(q, k, v)


@encode.track.method("softmax-plain", role="baseline", paper="arXiv:1706.03762")
class PlainSoftmax(EncodeAttention):
    """All weights at once."""

    def __init__(self, setup: EncodeSetup) -> None:
        pass

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        return exact(q, k, v, plain=True)


@decode.track.method("softmax", role="baseline", paper="arXiv:2205.14135")
class CachedSoftmax:
    """block: queries of a prompt that attend at once, once there is a past."""

    def __init__(self, setup: DecodeSetup, *, block: int = 256) -> None:
        shape = (2, setup.batch, setup.heads, setup.longest, setup.dim)
        self._cache = torch.empty(shape, device=setup.device)
        self._length = 0
        self._block = block

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.read`."""
        before, count = self._length, q.shape[2]
        keys, values = self._append(k, v)
        with torch.no_grad():
            if not before:
                return exact(q, keys, values, causal=True)
            parts = []
            for start in range(0, count, self._block):
                some = q[:, :, start : start + self._block]
                last = before + start + some.shape[2]
                seen = torch.ones(some.shape[2], last, dtype=torch.bool, device=q.device).tril(before + start)
                parts.append(
                    F.scaled_dot_product_attention(some, keys[:, :, :last], values[:, :, :last], attn_mask=seen)
                )
            return torch.cat(parts, 2)

    def step(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.step`."""
        with torch.no_grad():
            return exact(q, *self._append(k, v))

    def state_bytes(self) -> int:
        """See `Decoder.state_bytes`: of the tokens so far, not of the room for more."""
        return self._cache[:, :, :, : self._length].numel() * self._cache.element_size()

    def _append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the next tokens; return all keys and values so far."""
        end = self._length + k.shape[2]
        for kept, new in zip(self._cache, (k, v), strict=True):
            kept[:, :, self._length : end] = new
        self._length = end
        keys, values = self._cache[:, :, :, :end]
        return keys, values


@recall.track.method("softmax", role="baseline", paper="arXiv:2205.14135")
class SoftmaxLearner(RecallLearner):
    """The best kernel of the device."""

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(exact)


@recall.track.method("softmax-plain", role="baseline", paper="arXiv:1706.03762")
class PlainSoftmaxLearner(RecallLearner):
    """All weights at once: other speed, and the same accuracy but for rounding."""

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(partial(exact, plain=True))
