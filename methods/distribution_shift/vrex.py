"""V-REx. Krueger et al.: Out-of-Distribution Generalization via Risk Extrapolation, ICML 2021, arXiv:2003.00688.

Groups should be equally hard: penalise the variance of their risks. Groups are inferred; as in the code released with
PGI, the loss is divided by the penalty's weight where that exceeds 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner, group_means
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@spurious.track.method("v-rex", role="baseline", paper="arXiv:2003.00688")
class VREx(SpuriousGroupLearner):
    """weight: of the variance (tuned; the least of those tried);  ramp: epochs until it is reached."""

    def __init__(self, setup: ShiftSetup, *, weight: float = 0.3, ramp: float = 3.0, reference_steps: int = 64) -> None:
        super().__init__(setup, reference_steps=reference_steps, ramp=ramp)
        self._weight = weight

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """See `SpuriousGroupLearner.group_loss`."""
        losses = F.cross_entropy(self.model.head(features), labels, reduction="none")
        risks, present = group_means(losses, groups)
        weight = self.ramped(self._weight)
        return (risks.sum() / present.sum() + weight * variance(risks, present)) / max(1.0, weight)


def variance(risks: Tensor, present: Tensor) -> Tensor:
    """Population variance of the two groups' risks (2,), (r0 - r1)^2 / 4; 0 if only one is present."""
    return torch.where(present.all(), (risks[0] - risks[1]).square() / 4, 0.0)
