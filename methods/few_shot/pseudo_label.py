"""Pseudo-labels. Lee: Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks,
ICML workshop 2013.

Take the trained backbone's most probable base class for the truth on target images, where it is confident. STARTUP
keeps the whole distribution instead: a target image is no instance of a base class, but it may resemble several.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.few_shot import extreme
from benchmark.tasks.few_shot.extreme import TransferSetup
from benchmark.tasks.few_shot.student import ExtremeStudent


@extreme.track.method("pseudo-label", role="baseline", paper="Lee 2013")
class PseudoLabel(ExtremeStudent):
    """confidence: probability from which on a prediction counts as a label."""

    def __init__(self, setup: TransferSetup, *, confidence: float = 0.5) -> None:
        super().__init__(setup)
        self._confidence = confidence

    def start(self) -> None:
        """See `ExtremeStudent.start`."""
        self.new_head()

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        """See `ExtremeStudent.loss`: images without a label count zero, so that fewer of them weigh less."""
        probability, label = target_labels.softmax(1).max(1)
        each = F.cross_entropy(self.model(self.view(target_images)), label, reduction="none")
        return self.base_loss(base_images, base_labels) + (each * (probability >= self._confidence)).mean()
