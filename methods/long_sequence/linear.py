"""Linear attention. Katharopoulos, Vyas, Pappas, Fleuret: Transformers are RNNs, ICML 2020, arXiv:2006.16236.

Weights phi(q) . phi(k) with phi = elu + 1: keys and values are summed up once, and every query reads the sums. No claim
of its own here: it is what random features are compared with.
"""

from __future__ import annotations

from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.features import EluPlusOne
from benchmark.tasks.long_sequence.attention.interface import EncodeDecodeAttention
from benchmark.tasks.long_sequence.learner import Fixed, RecallLearner
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("linear", role="baseline", paper="arXiv:2006.16236")
@decode.track.method("linear", role="baseline", paper="arXiv:2006.16236")
class LinearAttention(EncodeDecodeAttention):
    """As many features as dimensions."""

    def __init__(self, setup: EncodeSetup | DecodeSetup) -> None:
        super().__init__(EluPlusOne())


@recall.track.method("linear", role="baseline", paper="arXiv:2006.16236")
class LinearLearner(RecallLearner):
    """As many features as dimensions of a head."""

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(EncodeDecodeAttention(EluPlusOne()).attend)
