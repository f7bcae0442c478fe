"""Class-conditional MMD. Li et al.: Domain Generalization with Adversarial Feature Learning, CVPR 2018, in the form of
the code released with PGI (OpenReview b9PoimzZFJ); the distance is that of Gretton et al. 2012.

Within each class, features of both groups should have the same distribution: penalise the squared maximum mean
discrepancy between them. Groups are inferred.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner, balanced
from benchmark.tasks.distribution_shift.rules import ShiftSetup

_WIDTHS = (1.0, 5.0, 10.0)  # of the radial kernels, as released


@spurious.track.method("cmmd", role="baseline", paper="OpenReview b9PoimzZFJ")
class ConditionalMMD(SpuriousGroupLearner):
    """weight: of the penalty (tuned);  ramp: epochs until it is reached."""

    def __init__(self, setup: ShiftSetup, *, weight: float = 0.3, ramp: float = 3.0, reference_steps: int = 64) -> None:
        super().__init__(setup, reference_steps=reference_steps, ramp=ramp)
        self._weight = weight

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """See `SpuriousGroupLearner.group_loss`."""
        loss = balanced(F.cross_entropy(self.model.head(features), labels, reduction="none"), groups)
        return loss + self.ramped(self._weight) * discrepancy(features, labels, groups, self.setup.classes)


def discrepancy(features: Tensor, labels: Tensor, groups: Tensor, classes: int) -> Tensor:
    """Mean over classes of the biased estimate of MMD^2 between the groups' features (n, d); a class without both: 0.

    With weights v, +1/n0 on a class's majority and -1/n1 on its minority, MMD^2 = v^T K v: one kernel for all classes.
    """
    squares = features.square().sum(1)
    distances = (squares[:, None] + squares - 2 * features @ features.T).clamp_min(0)
    kernel = torch.stack([(-distances / (2 * width**2)).exp() for width in _WIDTHS]).mean(0)
    member = F.one_hot(labels + classes * groups, 2 * classes).to(features.dtype)
    sizes = member.sum(0)
    majority, minority = (member / sizes.clamp_min(1)).split(classes, dim=1)
    signed = (majority - minority) * (sizes.view(2, classes) > 0).all(0)  # (n, classes)
    return torch.einsum("ic,ij,jc->", signed, kernel, signed) / classes
