"""Gated DeltaNet. Yang, Kautz, Hatamizadeh: Gated Delta Networks: Improving Mamba2 with Delta Rule, ICLR 2025,
arXiv:2412.06464.

A state per head which a new key overwrites where it holds that key's old value, and which fades at a rate that the
token decides: S_t = a_t (I - b_t k_t k_t^T) S_(t-1) + b_t k_t v_t^T, with keys and queries of length 1. Of later years
than the papers this task began with: what to expect of a state of constant size today. The short convolutions over
tokens, with their SiLU, are layers of their own, and left out here.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.learning.models.weights import initialise
from benchmark.tasks.long_sequence import decode, recall
from benchmark.tasks.long_sequence.attention.interface import DecodeAttention
from benchmark.tasks.long_sequence.attention.recurrent import delta, delta_step
from benchmark.tasks.long_sequence.learner import RecallLearner
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.setups import DecodeSetup
from benchmark.tasks.long_sequence.transformer import Attention

STEEPEST = 16.0
PACES = (0.001, 0.1)
"""a = exp(-A softplus(w . x + c)): at first A is uniform up to 16, softplus(c) log-uniform between these, as in the
released code, which has it from Mamba-2 (arXiv:2405.21060)."""


@decode.track.method("gated-deltanet", role="baseline", paper="arXiv:2412.06464")
class DeltaDecoder(DecodeAttention):
    """The paper's a and b are of the layer's input, here of the head's key. Weights are as drawn; the gate on what is
    read is a layer of its own, and left out."""

    def __init__(self, setup: DecodeSetup) -> None:
        rng = setup.generator("gate")
        drawn = torch.randn(setup.heads, setup.dim, 2, generator=rng) * setup.dim**-0.5
        self._weight = drawn.to(setup.device)
        self._steepness, self._pace = (x.unsqueeze(1).to(setup.device) for x in _start(setup.heads, rng))
        self._state = torch.zeros(setup.batch, setup.heads, setup.dim, setup.dim, device=setup.device)

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.read`."""
        with torch.no_grad():
            out, self._state = delta(_unit(q), _unit(k), v, *self._gates(k), self._state)
            return _normed(out)

    def step(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.step`."""
        with torch.no_grad():
            out, self._state = delta_step(_unit(q), _unit(k), v, *self._gates(k), self._state)
            return _normed(out)

    def state_bytes(self) -> int:
        """See `Decoder.state_bytes`."""
        return self._state.nbytes

    def _gates(self, k: Tensor) -> tuple[Tensor, Tensor]:
        paces, writes = (k @ self._weight).unbind(3)
        return -self._steepness.exp() * F.softplus(paces + self._pace), writes.sigmoid()


@recall.track.method("gated-deltanet", role="baseline", paper="arXiv:2412.06464")
class DeltaLearner(RecallLearner):
    """What overwrites is of what came before: this one sees the past alone, in all layers."""

    pace = 0.5

    def __init__(self, setup: RecallSetup, *, rate: float = 30.0) -> None:
        super().__init__(setup)
        self._rate = rate

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        rng = self.setup.generator(exercise, "gates", layer)
        made = _Delta(width=self.setup.width, heads=self.setup.heads, rng=rng)
        made.rate = self._rate
        return made


class _Delta(Attention):
    def __init__(self, *, width: int, heads: int, rng: torch.Generator) -> None:
        super().__init__()
        self.paces, self.writes = nn.Linear(width, heads, bias=False), nn.Linear(width, heads, bias=False)
        self.gate = nn.Linear(width, width, bias=False)
        initialise(self, rng)
        self.steepness, self.pace = (nn.Parameter(x) for x in _start(heads, rng))

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        """See `Attention.forward`."""
        decay = -self.steepness.exp() * F.softplus(self.paces(tokens) + self.pace)
        write = self.writes(tokens).sigmoid()
        out, _ = delta(_unit(q), _unit(k), v, decay.mT, write.mT)
        gate = self.gate(tokens).unflatten(2, (q.shape[1], -1)).transpose(1, 2)
        return F.silu(gate) * _normed(out)


def _start(heads: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """log A and c of every head (heads,)."""
    steepness, place = torch.rand(2, heads, generator=rng)
    low, high = (math.log(pace) for pace in PACES)
    pace = (low + (high - low) * place).exp()
    return (STEEPEST * steepness).clamp(min=1e-3).log(), pace.expm1().log()  # softplus(c) = pace


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=3)


def _normed(out: Tensor) -> Tensor:
    """What heads read, by a root-mean-square norm each, whose gain would scale what the output layer scales anyway."""
    return F.rms_norm(out, out.shape[3:], eps=1e-5)
