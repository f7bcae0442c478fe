"""Nystromformer. Xiong, Zeng, Chakraborty, Tan, Fung, Li, Singh: Nystromformer, AAAI 2021, arXiv:2102.03902.

Landmarks are means of segments of queries and of keys; attention goes from queries to landmarks, through the
pseudo-inverse of the landmarks' own attention, and from landmarks to keys. Of all tokens only: no causal form.
Its convolution of values beside the attention is a layer of its own, and left out here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.long_sequence import encode, recall
from benchmark.tasks.long_sequence.attention.interface import EncodeAttention
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.learner import Fixed, RecallLearner
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.setups import EncodeSetup
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("nystroem", role="baseline", paper="arXiv:2102.03902")
class Nystroem(EncodeAttention):
    """landmarks: segments (64, section 5);  iterations: of the pseudo-inverse (6, section 4.2)."""

    def __init__(self, setup: EncodeSetup | RecallSetup, *, landmarks: int = 64, iterations: int = 6) -> None:
        self._landmarks = landmarks
        self._iterations = iterations

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`: the two long softmaxes are exact attentions to and from landmarks."""
        of_q, of_k = (self._means(x) for x in (q, k))
        between = (of_q @ of_k.mT * q.shape[3] ** -0.5).softmax(3)
        return exact(q, of_k, self._inverse(between) @ exact(of_q, k, v))

    def estimates(self) -> str:
        """See `TimedAttention.estimates`: the whole matrix of weights, exactly where every token is a landmark."""
        return "softmax"

    def _means(self, x: Tensor) -> Tensor:
        """Means of segments as equal as may be: (batch, heads, landmarks, dim)."""
        count = min(self._landmarks, x.shape[2])
        means: Tensor = F.adaptive_avg_pool1d(x.mT.flatten(0, 1), count).mT
        return means.reshape(*x.shape[:2], count, x.shape[3]).contiguous()  # or fused kernels refuse them in training

    def _inverse(self, matrix: Tensor) -> Tensor:
        """Equation 11; the start is scaled for each matrix, which converges faster than one scale for all."""
        scale = matrix.sum(2).amax(2) * matrix.sum(3).amax(2)
        z = matrix.mT / scale[:, :, None, None]
        eye = torch.eye(matrix.shape[3], device=matrix.device)
        for _ in range(self._iterations):
            product = matrix @ z
            z = z @ (13 * eye - product @ (15 * eye - product @ (7 * eye - product))) / 4
        return z


@recall.track.method("nystroem", role="baseline", paper="arXiv:2102.03902")
class NystroemLearner(RecallLearner):
    """landmarks: segments (16, of up to 65 tokens; the paper's 64 are of 512 or more, section 5)."""

    def __init__(self, setup: RecallSetup, *, landmarks: int = 16) -> None:
        super().__init__(setup)
        self._landmarks = landmarks

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(Nystroem(self.setup, landmarks=self._landmarks).attend)
