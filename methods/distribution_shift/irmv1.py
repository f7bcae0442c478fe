"""IRMv1. Arjovsky, Bottou, Gulrajani, Lopez-Paz: Invariant Risk Minimization, 2019, arXiv:1907.02893.

The head should be the best one in each group: penalise the squared gradient of each group's risk with respect to a
dummy that multiplies the scores. Groups are inferred. As in the code released with PGI, the dummy is a vector, the
estimate is the biased one of one minibatch, and the loss is divided by the penalty's weight where that exceeds 1.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner, balanced, dummy_gradients
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@spurious.track.method("irmv1", role="baseline", paper="arXiv:1907.02893", tiers=("smoke", "standard", "paper"))
class IRMv1(SpuriousGroupLearner):
    """weight: of the penalty (tuned; the least of those tried);  ramp: epochs until it is reached."""

    def __init__(self, setup: ShiftSetup, *, weight: float = 0.3, ramp: float = 3.0, reference_steps: int = 64) -> None:
        super().__init__(setup, reference_steps=reference_steps, ramp=ramp)
        self._weight = weight

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """See `SpuriousGroupLearner.group_loss`."""
        scores = self.model.head(features)
        weight = self.ramped(self._weight)
        risk = balanced(F.cross_entropy(scores, labels, reduction="none"), groups)
        return (risk + weight * penalty(scores, labels, groups)) / max(1.0, weight)


def penalty(scores: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
    """Half the squared norms of both groups' mean dummy gradients, in closed form: the mean of s (softmax(s) - y)."""
    member = F.one_hot(groups, 2).to(scores.dtype)
    means = member.T @ dummy_gradients(scores, labels) / member.sum(0).clamp_min(1)[:, None]
    return 0.5 * means.square().sum()
