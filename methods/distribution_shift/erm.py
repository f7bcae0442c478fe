"""Empirical risk minimisation: SGD on the mean loss, with nothing against shift, noise or attacks (Vapnik 1991).

What the other methods gain, they gain over this.
"""

from __future__ import annotations

from benchmark.tasks.distribution_shift import adversarial, label_noise, spurious
from benchmark.tasks.distribution_shift.learner import ShiftLearner


@spurious.track.method("erm", role="baseline", paper="Vapnik 1991")
@label_noise.track.method("sgd", role="baseline", paper="Vapnik 1991")
@adversarial.track.method("erm", role="baseline", paper="Vapnik 1991")
class ERM(ShiftLearner):
    """The loop as it is."""


@label_noise.track.method("sgd-twice", role="baseline", paper="arXiv:2010.01412")
class Twice(ShiftLearner):
    """Twice the epochs, which is what SAM's two gradients per step cost (section 3.1 of its paper)."""

    def passes(self) -> int:
        """See `ShiftLearner.passes`."""
        return 2
