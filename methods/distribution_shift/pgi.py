"""PGI. Ahmed, Bengio, van Seijen, Courville: Systematic Generalisation with Group Invariant Predictions, ICLR 2021,
OpenReview b9PoimzZFJ.

Infer within each class a majority that follows a cue and a minority that does not; then ask that the mean prediction
be the same in both: KL(mean softmax of the minority || that of the majority), felt by the body but not the head.
Claim: far above ERM where the cue misleads, at a small cost where it does not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner, balanced
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@spurious.track.method("pgi", paper="OpenReview b9PoimzZFJ")
class PGI(SpuriousGroupLearner):
    """weight: lambda in the released code's scale, where the KL is a mean over probabilities and a sum over classes
    (released: 50 on coloured MNIST, minibatches of 512, 30 epochs; smaller ones estimate the means worse. Tuned);
    ramp: epochs until it is reached (released: 5 of 30).
    """

    def __init__(self, setup: ShiftSetup, *, weight: float = 0.5, ramp: float = 3.0, reference_steps: int = 64) -> None:
        super().__init__(setup, reference_steps=reference_steps, ramp=ramp)
        self._weight = weight

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """Group-balanced cross-entropy and the penalty."""
        head = self.model.head
        loss = balanced(F.cross_entropy(head(features), labels, reduction="none"), groups)
        if not self._weight:
            return loss
        # The head as a constant: the penalty's gradient reaches the features through it and goes no further.
        scores = F.linear(features, head.weight.detach(), head.bias.detach())
        return loss + self.ramped(self._weight) * divergence(scores.softmax(1), labels, groups)


@spurious.track.method("pgi-oracle", role="reference", paper="OpenReview b9PoimzZFJ")
class Oracle(PGI):
    """The same with the true groups: what better inference could gain."""

    def reveal(self, groups: Tensor) -> None:
        """See `GroupLearner.reveal`."""
        self.minority = groups


def divergence(probabilities: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
    """Sum over classes of the KL divergence of a class's mean prediction in the majority from that in the minority.

    probabilities: (n, k);  labels, groups: (n,). Means are clipped to [1e-12, 1 - 1e-12], the KL is divided by k (both
    as released). A class with no example of either group counts 0.
    """
    classes = probabilities.shape[1]
    member = F.one_hot(labels + classes * groups, 2 * classes).to(probabilities.dtype)  # (n, 2k)
    sizes = member.sum(0)
    means = (member.T @ probabilities) / sizes.clamp_min(1)[:, None]
    majority, minority = means.clamp(1e-12, 1 - 1e-12).view(2, classes, classes)
    both = (sizes.view(2, classes) > 0).all(0)
    each = (minority * (minority.log() - majority.log())).mean(1)
    return torch.where(both, each, 0.0).sum()
