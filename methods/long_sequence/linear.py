"""Linear attention. Katharopoulos, Vyas, Pappas, Fleuret: Transformers are RNNs, ICML 2020, arXiv:2006.16236.

Weights phi(q) . phi(k) with phi = elu + 1: keys and values are summed up once, and every query reads the sums. No claim
of its own here: it is what random features are compared with.
"""

from __future__ import annotations

from benchmark.attention.features import EluPlusOne
from benchmark.attention.interface import FeatureAttention
from benchmark.tasks.long_sequence import DecodeSetup, EncodeSetup, decode, encode


@encode.method("linear", role="baseline", paper="arXiv:2006.16236")
@decode.method("linear", role="baseline", paper="arXiv:2006.16236")
class LinearAttention(FeatureAttention):
    """As many features as dimensions."""

    def __init__(self, setup: EncodeSetup | DecodeSetup) -> None:
        super().__init__(EluPlusOne())
