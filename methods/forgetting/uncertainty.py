"""Uncertainty weighting. Kendall, Gal, Cipolla: Multi-Task Learning Using Uncertainty to Weigh Losses for Scene
Geometry and Semantics, CVPR 2018, arXiv:1705.07115.

Each task has a learned log variance s; the loss is the sum of exp(-s) L + s / 2 (equation 10, for classification), so
that tasks with more noise weigh less.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.learner import BETAS, PerTaskLearner


@multilingual.track.method("uncertainty", role="baseline", paper="arXiv:1705.07115", tiers=("smoke", "standard"))
class Uncertainty(PerTaskLearner):
    """The log variances are trained as the weights are, at the same rate."""

    def begin(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """See `MultilingualLearner.begin`."""
        super().begin(sources, targets)
        self._variances = torch.zeros(len(sources), requires_grad=True)
        self._weighing = torch.optim.Adam([self._variances], betas=BETAS)

    def combined(self, gradients: Tensor, losses: Tensor) -> Tensor:
        """See `PerTaskLearner.combined`."""
        weights = (-self._variances.detach()).exp()
        self._variances.grad = 0.5 - weights * losses.cpu()
        for group in self._weighing.param_groups:
            group["lr"] = self.rate()
        self._weighing.step()
        return (weights / len(weights)).to(gradients) @ gradients

    def held(self) -> int:
        """See `MultilingualLearner.held`."""
        return super().held() + len(self._variances)
