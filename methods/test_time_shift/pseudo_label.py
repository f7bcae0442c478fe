"""Pseudo-labels. Lee 2013; at test time as in Tent's paper, arXiv:2006.10726, section 4.

Take confident answers for labels: cross-entropy on scale and shift, where Tent has the entropy.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionAffineAdapter
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup


@corruption.track.method("pseudo-label", role="baseline", paper="Lee 2013", tiers=("smoke", "standard", "paper"))
class PseudoLabel(CorruptionAffineAdapter):
    """threshold: probability from which an answer counts as a label;  learning_rate: of Adam (swept)."""

    def __init__(self, setup: AdaptationSetup, *, threshold: float = 0.9, learning_rate: float = 2e-3) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        self._threshold = threshold

    def loss(self, scores: Tensor) -> Tensor | None:
        """Mean cross-entropy of the confident ones."""
        confidence, labels = scores.detach().softmax(1).max(1)
        chosen = confidence >= self._threshold
        return F.cross_entropy(scores[chosen], labels[chosen]) if bool(chosen.any()) else None
