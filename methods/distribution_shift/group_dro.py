"""GroupDRO. Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts, ICLR 2020,
arXiv:1911.08731.

Minimise the worse group's risk: raise its weight by an exponentiated gradient step, then descend the weighted risk
(algorithm 1), on minibatches that hold both groups in equal parts. Groups are inferred. As in the code released with
PGI, the risks are divided by their sum before the weights see them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner, group_means
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@spurious.track.method("group-dro", role="baseline", paper="arXiv:1911.08731")
class GroupDRO(SpuriousGroupLearner):
    """step_size: eta of the weights (the paper: 0.01; tuned)."""

    def __init__(self, setup: ShiftSetup, *, step_size: float = 0.1, reference_steps: int = 64) -> None:
        super().__init__(setup, reference_steps=reference_steps)
        self._step_size = step_size

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """See `Learner.begin`."""
        super().begin(images, labels)
        self.weights = torch.full((2,), 0.5, device=images.device)

    def update(self, images: Tensor, labels: Tensor, places: Tensor) -> None:
        """See `ShiftLearner.update`: once groups are known, on as many examples drawn half from each."""
        if self.grouped:
            places = self.halves(len(places))
            images, labels = self.images[places], self.labels[places]
        super().update(images, labels, places)

    def halves(self, count: int) -> Tensor:
        """Draw places in the training set, half from each group; from one alone if the other is empty."""
        groups = [(self.minority == group).nonzero().squeeze(1) for group in (0, 1)]
        filled = [group for group in groups if len(group)]
        parts = [
            group[torch.randint(len(group), (-(-count // len(filled)),), generator=self.generator).to(group.device)]
            for group in filled
        ]
        return torch.cat(parts)[:count] if len(parts) == 1 else torch.cat(parts)

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """See `SpuriousGroupLearner.group_loss`: the risk under the weights after their own step."""
        risks, _ = group_means(F.cross_entropy(self.model.head(features), labels, reduction="none"), groups)
        self.weights = raised(self.weights, risks.detach(), self._step_size)
        return self.weights @ risks


def raised(weights: Tensor, risks: Tensor, step_size: float) -> Tensor:
    """The next weights (2,) of groups with these risks (2,): more for the larger share of the risk, with sum 1."""
    weights = weights * (step_size * risks / risks.sum().clamp_min(1e-12)).exp()
    return weights / weights.sum()
