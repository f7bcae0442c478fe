"""Tent. Wang, Shelhamer, Liu, Olshausen, Darrell: Tent: Fully Test-Time Adaptation by Entropy Minimization, ICLR 2021,
arXiv:2006.10726.

Normalise by the batch, answer, then lower the mean entropy of the answers by a step on scale and shift (section 3).
Claim: below the error of batch statistics alone, which are far below the source model; no source data are needed.
"""

from __future__ import annotations

from torch import Tensor

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionAffineAdapter, entropy
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup


@corruption.track.method("tent", paper="arXiv:2006.10726")
class Tent(CorruptionAffineAdapter):
    """learning_rate: of Adam (section 4: 0.001, with batches of 128; released example: with batches of 200)."""

    def __init__(self, setup: AdaptationSetup, *, learning_rate: float = 1e-3) -> None:
        super().__init__(setup, learning_rate=learning_rate)

    def loss(self, scores: Tensor) -> Tensor:
        """Equation 1, in the mean over the batch."""
        return entropy(scores).mean()


@corruption.track.method("tent-fast", paper="arXiv:2006.10726")
class FastTent(Tent):
    """learning_rate: five times the paper's, chosen on held-out corruptions with longer streams of larger images."""

    def __init__(self, setup: AdaptationSetup, *, learning_rate: float = 5e-3) -> None:
        super().__init__(setup, learning_rate=learning_rate)
