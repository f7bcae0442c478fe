"""What methods of `long_sequence` share: the tracks' calls, from an attention that torch differentiates or a state."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from benchmark.tasks.long_sequence.attention.features import FeatureMap
from benchmark.tasks.long_sequence.attention.linear import attend, read_on
from benchmark.tasks.long_sequence.attention.tiles import State


class TimedAttention:
    """What the timing tracks ask of any attention."""

    def estimates(self) -> str:
        """What its weights, of every token on every other, come arbitrarily close to with more of what it is made of,
        as features: "softmax", exp(q . k / sqrt(dim)) of the same tokens; or "other", a function of its own, which
        exact attention is no yardstick for. To leave tokens out is no estimate of what they weigh."""
        return "other"


class EncodeAttention(TimedAttention, ABC):
    """An attention over all tokens: the calls of `benchmark.tasks.long_sequence.encode`."""

    @abstractmethod
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend: all tensors (batch, heads, length, dim)."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Encoder.forward`."""
        with torch.no_grad():
            return self.attend(q, k, v)

    def gradients(self, q: Tensor, k: Tensor, v: Tensor, push: Tensor) -> list[Tensor]:
        """See `Encoder.gradients`."""
        leaves = [x.detach().requires_grad_() for x in (q, k, v)]
        # Of what outputs do not depend on the gradient is 0.
        return list(torch.autograd.grad(self.attend(*leaves), leaves, push, materialize_grads=True))


class DecodeAttention(TimedAttention, ABC):
    """An attention token by token: the calls of `benchmark.tasks.long_sequence.decode`."""

    @abstractmethod
    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.read`."""

    def step(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.step`: a prompt of one token, unless there is a shorter way."""
        return self.read(q, k, v)

    @abstractmethod
    def state_bytes(self) -> int:
        """See `Decoder.state_bytes`."""


class EncodeDecodeAttention(EncodeAttention, DecodeAttention):
    """Linear attention by a feature map: over all tokens, and token by token."""

    def __init__(self, features: FeatureMap) -> None:
        self.features = features
        self._state: State | None = None

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        return attend(q, k, v, self.features)

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.read`."""
        if self._state is None:
            batch, heads, _, dim = q.shape
            self._state = State.empty(batch * heads, self.features.width(dim), v.shape[3], q.device)
        return read_on(self._state, q, k, v, self.features, log_weights=self.log_weights(k))

    def state_bytes(self) -> int:
        """See `Decoder.state_bytes`."""
        return 0 if self._state is None else self._state.nbytes

    def log_weights(self, k: Tensor) -> Tensor | None:
        """Logarithms (batch, heads, length) of weights of the next tokens, given their keys; None: all are 1."""
        return None
