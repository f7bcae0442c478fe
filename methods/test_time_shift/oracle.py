"""An oracle: fine-tuning on the labels of each batch, told after it has answered.

What labels would add to Tent: the same parameters, the same optimiser, the same number of steps. A reference.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionAffineAdapter
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup


@corruption.track.method("oracle", role="reference")
class Oracle(CorruptionAffineAdapter):
    """learning_rate: of Adam."""

    def __init__(self, setup: AdaptationSetup, *, learning_rate: float = 1e-3) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        self._labels: Tensor | None = None

    def update(self, images: Tensor, scores: Tensor) -> None:
        """See `CorruptionAffineAdapter.update`: waits for the labels."""
        self._waiting = images, scores

    def reveal(self, labels: Tensor) -> None:
        """See `TestTimeAdapter.reveal`: the step."""
        self._labels = labels
        super().update(*self._waiting)

    def loss(self, scores: Tensor) -> Tensor:
        """Mean cross-entropy with the labels."""
        assert self._labels is not None
        return F.cross_entropy(scores, self._labels)
