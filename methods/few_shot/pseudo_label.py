"""Pseudo-labels. Lee: Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks,
ICML workshop 2013.

Take the network's most probable class for the truth on target images, anew at every update, and let these labels weigh
more as training goes on. STARTUP keeps the trained backbone's whole distribution instead: a target image is no instance
of a base class, but it may resemble several.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.few_shot import extreme
from benchmark.tasks.few_shot.extreme import TransferSetup
from benchmark.tasks.few_shot.student import ExtremeStudent


@extreme.track.method("pseudo-label", role="baseline", paper="Lee 2013", tiers=("smoke", "standard", "paper"))
class PseudoLabel(ExtremeStudent):
    """weight: of pseudo-labels in the end, alpha_f;  first, last: shares of training between which the weight rises
    from none to that along a line (equation 16: T_1 and T_2, there 100 and 600 epochs)."""

    def __init__(self, setup: TransferSetup, *, weight: float = 3.0, first: float = 0.1, last: float = 0.6) -> None:
        super().__init__(setup)
        self._weight = weight
        self._first, self._last = first, last

    def start(self) -> None:
        """See `ExtremeStudent.start`."""
        self.new_head()

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        """See `ExtremeStudent.loss`: equation 15, with the labels of this very pass (equation 14)."""
        risen = (self.progress - self._first) / (self._last - self._first)
        scores = self.model(self.view(target_images))
        unsupervised = F.cross_entropy(scores, scores.detach().argmax(1))
        return self.base_loss(base_images, base_labels) + self._weight * min(max(risen, 0.0), 1.0) * unsupervised
