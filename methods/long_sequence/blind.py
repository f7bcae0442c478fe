"""The mean of the values: attention to nobody in particular. No paper's; what an error or an accuracy is worth shows
beside what seeing nothing gives.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.interface import DecodeAttention, EncodeAttention
from benchmark.tasks.long_sequence.learner import Fixed, RecallLearner
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("blind", role="reference")
class Blind(EncodeAttention):
    """Queries and keys are not even read."""

    def __init__(self, setup: EncodeSetup) -> None:
        pass

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `EncodeAttention.attend`."""
        return mean(q, k, v).contiguous()

    def estimates(self) -> str:
        """See `Encoder.estimates`: it does not, and by how much is what the others' errors are held against."""
        return "softmax"


@decode.track.method("blind", role="reference")
class BlindDecoder(DecodeAttention):
    """Keeps the sum of the values."""

    def __init__(self, setup: DecodeSetup) -> None:
        self._sum = torch.zeros(setup.batch, setup.heads, 1, setup.dim, dtype=torch.float64, device=setup.device)
        self._count = 0

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Decoder.read`."""
        sums = self._sum + v.double().cumsum(2)
        counts = torch.arange(1, v.shape[2] + 1, device=v.device).unsqueeze(1) + self._count
        self._sum, self._count = sums[:, :, -1:], self._count + v.shape[2]
        return (sums / counts).float()

    def state_bytes(self) -> int:
        """See `Decoder.state_bytes`."""
        return self._sum.nbytes

    def estimates(self) -> str:
        """See `Blind.estimates`."""
        return "softmax"


@recall.track.method("blind", role="reference")
class BlindLearner(RecallLearner):
    """Knows what there is, and not where."""

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        return Fixed(mean)


def mean(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend to all alike: shapes as of `Fixed`."""
    return v.mean(2, keepdim=True).expand_as(v)
