"""Adversarial training. Madry, Makelov, Schmidt, Tsipras, Vladu: Towards Deep Learning Models Resistant to Adversarial
Attacks, ICLR 2018, arXiv:1706.06083.

Train on the worst images of the ball around each image, as projected gradient descent finds them (equation 2.1). A
reference: it knows the kind of attack that it is judged by, and what it costs to be robust.
"""

from __future__ import annotations

from torch import Tensor

from benchmark.tasks.distribution_shift import adversarial, attacks
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@adversarial.track.method("adversarial-training", role="reference", paper="arXiv:1706.06083")
class AdversarialTraining(ShiftLearner):
    """steps: of the attack in training, in the ball of the setup's radius."""

    def __init__(self, setup: ShiftSetup, *, steps: int = 3) -> None:
        super().__init__(setup)
        self._steps = steps

    def loss(self, images: Tensor, labels: Tensor, places: Tensor) -> Tensor:
        """See `ShiftLearner.loss`."""
        self.model.eval()
        moved = attacks.pgd(
            self.model,
            images,
            self.setup.radius,
            steps=self._steps,
            restarts=1,
            generator=self.generator,
            labels=labels,
        )
        self.model.train()
        return super().loss(moved, labels, places)
