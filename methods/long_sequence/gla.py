"""Gated linear attention. Yang, Wang, Shen, Panda, Kim: Gated Linear Attention Transformers with Hardware-Efficient
Training, ICML 2024, arXiv:2312.06635.

A state per head, whose dimensions of keys fade each at a rate that the token decides, S_t = diag(a_t) S_(t-1) +
k_t v_t^T; no normaliser, but a layer norm of what is read, and a gate on it (section 4.3). Of later years than the
papers this task began with: what to expect of a linear attention today.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.learning.models.weights import initialise
from benchmark.tasks.long_sequence import decode, recall
from benchmark.tasks.long_sequence.attention.interface import DecodeAttention
from benchmark.tasks.long_sequence.attention.recurrent import gated, gated_step
from benchmark.tasks.long_sequence.learner import RecallLearner
from benchmark.tasks.long_sequence.setups import DecodeSetup
from benchmark.tasks.long_sequence.transformer import Attention

TEMPERATURE = 16.0
"""Gates are sigmoid(...)^(1 / 16), which lets the past fade slowly (section 4.3)."""
RANK = 16
"""Of the gates' weights (section 4.3)."""


@decode.track.method("gla", role="baseline", paper="arXiv:2312.06635")
class GatedDecoder(DecodeAttention):
    """The paper's gates are of the layer's input, here of the head's key. Weights are as drawn; the gate on what is
    read is a layer of its own, and left out."""

    def __init__(self, setup: DecodeSetup) -> None:
        rng = setup.generator("gate")
        inner, outer = torch.randn(2, setup.heads, setup.dim, RANK, generator=rng)
        self._weight = (inner @ outer.mT / (RANK * setup.dim) ** 0.5).to(setup.device)
        self._state = torch.zeros(setup.batch, setup.heads, setup.dim, setup.dim, device=setup.device)

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.read`."""
        with torch.no_grad():
            out, self._state = gated(q, k, v, self._decay(k), self._state)
            return _normed(out)

    def step(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.step`."""
        with torch.no_grad():
            out, self._state = gated_step(q, k, v, self._decay(k), self._state)
            return _normed(out)

    def state_bytes(self) -> int:
        """See `Decoder.state_bytes`."""
        return self._state.nbytes

    def _decay(self, k: Tensor) -> Tensor:
        return F.logsigmoid(k @ self._weight) / TEMPERATURE


@recall.track.method("gla", role="baseline", paper="arXiv:2312.06635")
class GatedLearner(RecallLearner):
    """A gate is of what came before: this one sees the past alone, in all layers."""

    pace = 0.5

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        made = _Gated(width=self.setup.width)
        initialise(made, self.setup.generator(exercise, "gates", layer))
        return made


class _Gated(Attention):
    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.decay = nn.Sequential(nn.Linear(width, RANK, bias=False), nn.Linear(RANK, width))
        self.gate = nn.Linear(width, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        """See `Attention.forward`."""
        decay, gate = (part(tokens).unflatten(2, (q.shape[1], -1)).transpose(1, 2) for part in (self.decay, self.gate))
        return F.silu(gate) * _normed(gated(q, k, v, F.logsigmoid(decay) / TEMPERATURE)[0])


def _normed(out: Tensor) -> Tensor:
    """What heads read, by a layer norm each. The norm's own gain would scale what the output layer scales anyway."""
    return F.layer_norm(out, out.shape[3:])
