"""JTT. Liu, Haghgoo, Chen, Raghunathan, Koh, Sagawa, Liang, Finn: Just Train Twice: Improving Group Robustness without
Training Group Information, ICML 2021, arXiv:2107.09044.

Train a first network a little by plain ERM; what it gets wrong in its own training set is mostly of the minority. Train
a second one from the start, on a training set in which these errors come more often (algorithm 1).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.learning.training import predict
from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@spurious.track.method("jtt", role="baseline", paper="arXiv:2107.09044")
class JTT(SpuriousGroupLearner):
    """upsampling: lambda_up, how often an error comes for each time that another image does;  reference_steps: of the
    first network, T epochs in the paper (both tuned, as in the paper). The first network's epochs come on top; the
    second has as many steps as every method, though its training set is longer.
    """

    def __init__(self, setup: ShiftSetup, *, upsampling: float = 20.0, reference_steps: int = 20) -> None:
        super().__init__(setup, reference_steps=reference_steps)
        self._upsampling = upsampling

    def epoch(self, index: int) -> None:
        """See `Learner.epoch`: before the first, train the first network and keep its errors."""
        if not self.grouped:
            first = ShiftLearner(self.setup)
            first.begin(self.images, self.labels)
            while first.step < self._reference_steps and 2 * first.step < first.steps:
                first.epoch(0)
            self.minority = (predict(first.model, self.images).argmax(1) != self.labels).long()
            self.grouped = True
        super().epoch(index)

    def update(self, images: Tensor, labels: Tensor, places: Tensor) -> None:
        """See `ShiftLearner.update`: on as many examples of the longer training set."""
        frequencies = torch.where(self.minority == 1, self._upsampling, 1.0).cpu()
        places = torch.multinomial(frequencies, len(places), replacement=True, generator=self.generator)
        places = places.to(self.labels.device)
        super().update(self.images[places], self.labels[places], places)

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """See `SpuriousGroupLearner.group_loss`."""
        return F.cross_entropy(self.model.head(features), labels)
