"""Random feature attention. Peng, Pappas, Yogatama, Schwartz, Smith, Kong: Random Feature Attention, ICLR 2021,
arXiv:2103.02143.

Queries and keys of length 1, random Fourier features sin and cos of W x, one W per head; and for causal attention a
gate that lets the past fade, S_t = g_t S_(t-1) + (1 - g_t) phi(k_t) v_t.
Claim: decodes at constant time and memory per token; the gate helps language models (not measured by speed).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.attention.features import FeatureMap, Rectified, Trigonometric, independent
from benchmark.attention.interface import FeatureAttention
from benchmark.tasks.long_sequence import DecodeSetup, EncodeSetup, decode, encode


@encode.method("rfa", paper="arXiv:2103.02143")
@decode.method("rfa", paper="arXiv:2103.02143")
class RandomFeatureAttention(FeatureAttention):
    """features: rows of W, for twice as many features (64, for heads of 64 dimensions);  arccos: relu features in place
    of sine and cosine (section 3.1).  tau is 1 and the learned scale of W at its start, 1, as in the released code.
    """

    def __init__(self, setup: EncodeSetup | DecodeSetup, *, features: int = 64, arccos: bool = False) -> None:
        rng = setup.generator("features")
        projection = independent(features, setup.dim, heads=setup.heads, generator=rng).to(setup.device)
        chosen: FeatureMap = Rectified(projection, unit=True) if arccos else Trigonometric(projection, unit=True)
        super().__init__(chosen)


@decode.method("rfa-gate", paper="arXiv:2103.02143")
class GatedRandomFeatureAttention(RandomFeatureAttention):
    """A gate g = sigmoid(w . x + b) per head (section 3.2). The paper's x is the layer's input, here the head's key.

    Unrolled, token i weighs (1 - g_i) g_(i+1) ... g_t, of which only (1 - g_i) / (g_1 ... g_i) remains in the ratio: a
    weight of the key alone, which grows without bound and is carried as a logarithm, in float64.

    bias: b, for a memory of about exp(b) tokens; the paper's is not known.
    """

    def __init__(self, setup: DecodeSetup, *, features: int = 64, bias: float = 3.0) -> None:
        super().__init__(setup, features=features)
        rng = setup.generator("gate")
        self._weight = (torch.randn(setup.heads, setup.dim, 1, generator=rng) * setup.dim**-0.5).to(setup.device)
        self._bias = bias
        self._total = torch.zeros(setup.batch, setup.heads, 1, dtype=torch.float64, device=setup.device)

    def log_weights(self, k: Tensor) -> Tensor:
        """See `FeatureAttention.log_weights`."""
        logit = (torch.matmul(k, self._weight).squeeze(3) + self._bias).double()
        faded = self._total + F.logsigmoid(logit).cumsum(2)
        self._total = faded[:, :, -1:]
        return F.logsigmoid(-logit) - faded
