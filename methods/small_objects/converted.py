"""Converted after training: a detector trained with zero padding gets symmetric padding when it is asked.

Does a network that one has already gain by the switch alone? A control of the claim that padding is at fault and not
what was learned from it.
"""

from __future__ import annotations

from torch import Tensor

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.learner import BESIDE_QUICK, PaddingLearner


@padding.track.method("converted", role="baseline", tiers=BESIDE_QUICK)
class Converted(PaddingLearner):
    """Zeros in training, symmetric afterwards."""

    def learn(self, images: Tensor, boxes: Tensor, labels: Tensor, counts: Tensor) -> None:
        """See `Detector.learn`."""
        super().learn(images, boxes, labels, counts)
        repad(self.model, "symmetric")
