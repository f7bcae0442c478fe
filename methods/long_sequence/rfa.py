"""Random feature attention. Peng, Pappas, Yogatama, Schwartz, Smith, Kong: Random Feature Attention, ICLR 2021,
arXiv:2103.02143.

Queries and keys of length 1, random Fourier features sin and cos of W x, one W per head; and for causal attention a
gate that lets the past fade, S_t = g_t S_(t-1) + (1 - g_t) phi(k_t) v_t.
Claim: decodes at constant time and memory per token; the gate helps language models (not measured by speed).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.features import FeatureMap, Rectified, Trigonometric, independent
from benchmark.tasks.long_sequence.attention.interface import EncodeDecodeAttention
from benchmark.tasks.long_sequence.attention.linear import attend
from benchmark.tasks.long_sequence.learner import RecallLearner
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup
from benchmark.tasks.long_sequence.transformer import Attention

FLOOR = 100.0
"""Normalisers are kept at 1 or more in the released code, whose features are scaled by 0.1, not by 1 as here. That is
more than a single key counts if there are fewer than 100 rows: what the first tokens of a text get is shrunk. With a
gate, which that code lacks, weights add up to less than 1 and such a floor would be all there is."""


@encode.track.method("rfa", paper="arXiv:2103.02143")
@decode.track.method("rfa", paper="arXiv:2103.02143")
class RandomFeatureAttention(EncodeDecodeAttention):
    """features: rows of W, for twice as many features (64, for heads of 64 dimensions);  arccos: relu features in place
    of sine and cosine (section 3.1).  tau is 1 and the learned scale of W at its start, 1, as in the released code.

    floor: of the normaliser, None for one that only guards against 0 (sine and cosine alone need any).

    It estimates exp(cos(q, k)), which is softmax's weight for queries and keys of length 1 alone.
    """

    def __init__(
        self,
        setup: EncodeSetup | DecodeSetup,
        *,
        features: int = 64,
        arccos: bool = False,
        floor: float | None = FLOOR,
    ) -> None:
        rng = setup.generator("features")
        projection = independent(features, setup.dim, heads=setup.heads, generator=rng).to(setup.device)
        waves = Trigonometric(projection, unit=True, least=floor)
        chosen: FeatureMap = Rectified(projection, unit=True) if arccos else waves
        super().__init__(chosen)


@decode.track.method("rfa-gate", paper="arXiv:2103.02143")
class GatedRandomFeatureAttention(RandomFeatureAttention):
    """A gate g = sigmoid(w . x + b) per head (section 3.2). The paper's x is the layer's input, here the head's key.

    Unrolled, token i weighs (1 - g_i) g_(i+1) ... g_t, of which only (1 - g_i) / (g_1 ... g_i) remains in the ratio: a
    weight of the key alone, which grows without bound and is carried as a logarithm, in float64.

    bias: b, for a memory of about exp(b) tokens; the paper's is not known.
    """

    def __init__(self, setup: DecodeSetup, *, features: int = 64, bias: float = 3.0) -> None:
        super().__init__(setup, features=features, floor=None)
        rng = setup.generator("gate")
        self._weight = (torch.randn(setup.heads, setup.dim, 1, generator=rng) * setup.dim**-0.5).to(setup.device)
        self._bias = bias
        self._total = torch.zeros(setup.batch, setup.heads, 1, dtype=torch.float64, device=setup.device)

    def log_weights(self, k: Tensor) -> Tensor:
        """See `EncodeDecodeAttention.log_weights`."""
        logit = (torch.matmul(k, self._weight).squeeze(3) + self._bias).double()
        faded = self._total + F.logsigmoid(logit).cumsum(2)
        self._total = faded[:, :, -1:]
        return F.logsigmoid(-logit) - faded


@recall.track.method("rfa", paper="arXiv:2103.02143")
class RandomFeatureLearner(RecallLearner):
    """features: rows of W, for twice as many features (32, for heads of 32 dimensions);  pool: so many W to take from
    in training (200, section 3.1), for scores its first ones, one per head, as in the released code;  rate: of the
    learned scale. Attention is smooth until it has grown: weights differ 7-fold at most while it is 1.
    """

    def __init__(self, setup: RecallSetup, *, features: int = 32, pool: int = 200, rate: float = 3.0) -> None:
        super().__init__(setup)
        self.rate = rate
        rng = setup.generator("pool")
        self.pool = independent(features, setup.dim, heads=pool, generator=rng).to(setup.device)

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        picks = self.setup.generator(exercise, "picks", layer)
        return Scaled(self.pool, heads=self.setup.heads, picks=picks, rate=self.rate)


@recall.track.method("rfa-gate", paper="arXiv:2103.02143")
class GatedLearner(RandomFeatureLearner):
    """A gate is of what came before: this one sees the past alone, in both layers.

    bias: the gate's at first, for a memory of about exp(bias) tokens; the paper's is not known.
    """

    def __init__(
        self, setup: RecallSetup, *, features: int = 32, pool: int = 200, rate: float = 3.0, bias: float = 3.0
    ) -> None:
        super().__init__(setup, features=features, pool=pool, rate=rate)
        self._bias = bias

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        picks = self.setup.generator(exercise, "picks", layer)
        sizes = {"heads": self.setup.heads, "width": self.setup.width}
        return Gated(self.pool, picks=picks, rate=self.rate, bias=self._bias, **sizes)


class Scaled(Attention):
    """Random feature attention with a learned scale of W per head and coordinate, 1 at first (section 3.1).

    W is scaled where it meets queries and keys of length 1. Their scaled lengths are ignored, as in the released code:
    keys would otherwise weigh exp(|scaled k|^2 / 2) more.

    floor: of the normaliser, see `FLOOR`.
    """

    floor: float | None = FLOOR

    def __init__(self, pool: Tensor, *, heads: int, picks: torch.Generator, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._pool, self._picks = pool, picks
        self.scale = nn.Parameter(torch.ones(heads, 1, pool.shape[2]))

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        """See `Attention.forward`."""
        heads = q.shape[1]
        chosen = torch.randperm(len(self._pool), generator=self._picks)[:heads] if self.training else slice(heads)
        q, k = (F.normalize(x, dim=3) * self.scale for x in (q, k))
        return self.read(q, k, v, tokens, Trigonometric(self._pool[chosen], least=self.floor), -k.square().sum(3) / 2)

    def read(
        self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor, features: FeatureMap, log_weights: Tensor
    ) -> Tensor:
        """Attend by the features, keys having weights besides."""
        return attend(q, k, v, features, log_weights=log_weights)


class Gated(Scaled):
    """With a gate g = sigmoid(w . x + b) per head of the layer's input x (section 3.2); see
    `GatedRandomFeatureAttention` for the weight that remains of it."""

    floor = None

    def __init__(
        self, pool: Tensor, *, heads: int, picks: torch.Generator, rate: float, width: int, bias: float
    ) -> None:
        super().__init__(pool, heads=heads, picks=picks, rate=rate)
        self.gate = nn.Linear(width, heads)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, bias)

    def read(
        self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor, features: FeatureMap, log_weights: Tensor
    ) -> Tensor:
        """See `Scaled.read`."""
        logit = self.gate(tokens).transpose(1, 2).double()
        gate = F.logsigmoid(-logit) - F.logsigmoid(logit).cumsum(2)
        return attend(q, k, v, features, causal=True, log_weights=log_weights + gate)
