"""Exact attention, softmax(q k^T / sqrt(dim)) v, by torch's kernels: a fused one, or the plain one of the textbooks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmark.tasks.long_sequence.attention.interface import DecodeAttention, EncodeAttention
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup

FUSED = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]
"""Never hold all weights at once; torch takes the first that the device, the precision and the shapes allow."""


def exact(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, plain: bool = False) -> Tensor:
    """Attend exactly. q, k: (batch, heads, length, dim);  v: (batch, heads, length, value);  returns as v.

    plain: write the (length, length) weights out, as the papers' comparisons did. Otherwise a fused kernel is forced:
    torch raises RuntimeError where it has none, rather than to fall back unseen.
    """
    with sdpa_kernel(SDPBackend.MATH if plain else FUSED):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


class ExactEncoder(EncodeAttention):
    """The best kernel of the device: a method of `encode`, and the anchor of its rounds."""

    def __init__(self, setup: EncodeSetup) -> None:
        pass

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        return exact(q, k, v)

    def estimates(self) -> str:
        """See `Encoder.estimates`: it is."""
        return "softmax"


class CachedDecoder(DecodeAttention):
    """Keeps all keys and values: a method of `decode`, and the anchor of its rounds.

    block: queries of a prompt that attend at once, once there is a past.
    """

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

    def estimates(self) -> str:
        """See `Decoder.estimates`: it is."""
        return "softmax"

    def _append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the next tokens; return all keys and values so far."""
        end = self._length + k.shape[2]
        for kept, new in zip(self._cache, (k, v), strict=True):
            kept[:, :, self._length : end] = new
        self._length = end
        keys, values = self._cache[:, :, :, :end]
        return keys, values
