"""Linear attention. Katharopoulos, Vyas, Pappas, Fleuret: Transformers are RNNs, ICML 2020, arXiv:2006.16236.

Weights phi(q) . phi(k) with phi = elu + 1: keys and values are summed up once, and every query reads the sums. No claim
of its own here: it is what random features are compared with.
"""

from __future__ import annotations

from benchmark.attention.features import EluPlusOne
from benchmark.attention.interface import FeatureAttention
from benchmark.attention.learner import Fixed, SequenceLearner
from benchmark.models.transformer import Attention
from benchmark.tasks.long_sequence import DecodeSetup, EncodeSetup, decode, encode, recall


@encode.method("linear", role="baseline", paper="arXiv:2006.16236")
@decode.method("linear", role="baseline", paper="arXiv:2006.16236")
class LinearAttention(FeatureAttention):
    """As many features as dimensions."""

    def __init__(self, setup: EncodeSetup | DecodeSetup) -> None:
        super().__init__(EluPlusOne())


@recall.method("linear", role="baseline", paper="arXiv:2006.16236")
class LinearLearner(SequenceLearner):
    """As many features as dimensions of a head."""

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `SequenceLearner.attention`."""
        return Fixed(FeatureAttention(EluPlusOne()).attend)
