"""Exact attention, softmax(q k^T / sqrt(dim)) v, by torch's kernels: a fused one, or the plain one of the textbooks."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

FUSED = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]
"""Never hold all weights at once; torch takes the first that the device, the precision and the shapes allow."""


def exact(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, plain: bool = False) -> Tensor:
    """Attend exactly. q, k: (batch, heads, length, dim);  v: (batch, heads, length, value);  returns as v.

    plain: write the (length, length) weights out, as the papers' comparisons did. Otherwise a fused kernel is forced:
    torch raises RuntimeError where it has none, rather than to fall back unseen.
    """
    with sdpa_kernel(SDPBackend.MATH if plain else FUSED):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
