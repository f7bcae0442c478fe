"""Reweighting: the majority counts less, and ever less, until the inferred minority is most of the loss.

A baseline of the paper of PGI (OpenReview b9PoimzZFJ): weight 1 for the minority and 1 / (1 + lambda) for the majority,
normalised by their sum, with lambda ramped up.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@spurious.track.method("reweight", role="baseline", paper="OpenReview b9PoimzZFJ")
class Reweight(SpuriousGroupLearner):
    """weight: lambda at the end of the ramp (tuned);  ramp: in epochs."""

    def __init__(
        self, setup: ShiftSetup, *, weight: float = 50.0, ramp: float = 3.0, reference_steps: int = 64
    ) -> None:
        super().__init__(setup, reference_steps=reference_steps, ramp=ramp)
        self._weight = weight

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """See `SpuriousGroupLearner.group_loss`."""
        losses = F.cross_entropy(self.model.head(features), labels, reduction="none")
        weights = torch.where(groups == 1, 1.0, 1 / (1 + self.ramped(self._weight)))
        return (weights * losses).sum() / weights.sum()
