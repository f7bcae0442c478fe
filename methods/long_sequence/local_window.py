"""Local attention: softmax over the tokens near by (as "Local Attention" in Long Range Arena, Tay et al. 2020,
arXiv:2011.04006).

Over all tokens: a block of tokens sees itself and the blocks on both sides. In generation: a token sees the last ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.interface import DecodeAttention, EncodeAttention
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.learner import Fixed, RecallLearner
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("local-window", role="baseline", paper="arXiv:2011.04006")
class LocalWindow(EncodeAttention):
    """window: tokens of a block (128)."""

    def __init__(self, setup: EncodeSetup | RecallSetup, *, window: int = 128) -> None:
        self._window = window

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        size, parts = self._window, []
        for start in range(0, q.shape[2], size):
            near = slice(max(0, start - size), start + 2 * size)
            parts.append(exact(q[:, :, start : start + size], k[:, :, near], v[:, :, near]))
        return torch.cat(parts, 2)


@decode.track.method("local-window", role="baseline", paper="arXiv:2011.04006")
class LastTokens(DecodeAttention):
    """window: tokens that a token sees, itself included (256: as many as are kept at most)."""

    def __init__(self, setup: DecodeSetup, *, window: int = 256) -> None:
        self._window = window
        self._kept = torch.empty(2, setup.batch, setup.heads, 0, setup.dim, device=setup.device)

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.read`."""
        size, old, parts = self._window, self._kept.shape[3], []
        keys, values = seen = torch.cat([self._kept, torch.stack([k, v])], 3)
        with torch.no_grad():
            for start in range(0, q.shape[2], size):
                some = q[:, :, start : start + size]
                first, last = max(0, old + start + 1 - size), old + start + some.shape[2]
                places = torch.arange(first, last, device=q.device)
                own = torch.arange(old + start, last, device=q.device).unsqueeze(1)
                near = (places <= own) & (places > own - size)
                parts.append(
                    F.scaled_dot_product_attention(
                        some, keys[:, :, first:last], values[:, :, first:last], attn_mask=near
                    )
                )
        self._kept = seen[:, :, :, -size:].clone()
        return torch.cat(parts, 2)

    def step(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.step`."""
        self._kept = torch.cat([self._kept[:, :, :, 1 - self._window :], torch.stack([k, v])], 3)
        with torch.no_grad():
            return exact(q, *self._kept)

    def state_bytes(self) -> int:
        """See `Decoder.state_bytes`."""
        return self._kept.nbytes


@recall.track.method("local-window", role="baseline", paper="arXiv:2011.04006")
class LocalLearner(RecallLearner):
    """window: tokens of a block (16: a layer's last token hears of itself and the 16 to 31 before it)."""

    def __init__(self, setup: RecallSetup, *, window: int = 16) -> None:
        super().__init__(setup)
        self._window = window

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(LocalWindow(self.setup, window=self._window).attend)
