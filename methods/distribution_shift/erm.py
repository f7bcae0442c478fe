"""Empirical risk minimisation: SGD on the mean loss, with nothing against shift, noise or attacks (Vapnik 1991).

What the other methods gain, they gain over this.
"""

from __future__ import annotations

from benchmark.shift import Trainer
from benchmark.tasks.distribution_shift import adversarial, label_noise, spurious


@spurious.method("erm", role="baseline", paper="Vapnik 1991")
@label_noise.method("sgd", role="baseline", paper="Vapnik 1991")
@adversarial.method("erm", role="baseline", paper="Vapnik 1991")
class ERM(Trainer):
    """The loop as it is."""


@label_noise.method("sgd-twice", role="baseline", paper="arXiv:2010.01412")
class Twice(Trainer):
    """Twice the epochs, which is what SAM's two gradients per step cost (section 3.1 of its paper)."""

    def passes(self) -> int:
        """See `Trainer.passes`."""
        return 2
