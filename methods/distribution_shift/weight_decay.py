"""Weight decay, stronger than the setup's. Krogh, Hertz: A Simple Weight Decay Can Improve Generalization, 1991.

Small weights make a smooth function: mixup's gain is to be seen beside that of the plainest regulariser.
"""

from __future__ import annotations

from torch import Tensor

from benchmark.tasks.distribution_shift import adversarial
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@adversarial.track.method("weight-decay", role="baseline", paper="Krogh and Hertz 1991")
class WeightDecay(ShiftLearner):
    """weight_decay: of SGD, per step and unit of the learning rate (tuned)."""

    def __init__(self, setup: ShiftSetup, *, weight_decay: float = 1e-2) -> None:
        super().__init__(setup)
        self._weight_decay = weight_decay

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """See `Learner.begin`."""
        super().begin(images, labels)
        for group in self.optimizer.param_groups:
            group["weight_decay"] = self._weight_decay
