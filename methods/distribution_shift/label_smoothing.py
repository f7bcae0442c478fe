"""Label smoothing. Szegedy et al.: Rethinking the Inception Architecture, CVPR 2016, arXiv:1512.00567, section 7.

Give every class a little of the target's probability, so that the network need not push scores apart without end.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import adversarial, label_noise
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@adversarial.track.method("label-smoothing", role="baseline", paper="arXiv:1512.00567")
class LabelSmoothing(ShiftLearner):
    """smoothing: share of the target that is spread over all classes evenly (the paper: 0.1; tuned)."""

    def __init__(self, setup: ShiftSetup, *, smoothing: float = 0.2) -> None:
        super().__init__(setup)
        self._smoothing = smoothing

    def loss(self, images: Tensor, labels: Tensor, places: Tensor) -> Tensor:
        """See `ShiftLearner.loss`."""
        return F.cross_entropy(self.model(images), labels, label_smoothing=self._smoothing)


@label_noise.track.method("label-smoothing", role="baseline", paper="arXiv:1512.00567")
class StrongSmoothing(LabelSmoothing):
    """smoothing: large, as are the shares of wrong labels (tuned)."""

    def __init__(self, setup: ShiftSetup, *, smoothing: float = 0.6) -> None:
        super().__init__(setup, smoothing=smoothing)
