"""An oracle: the source network trained on with labels, all of it, on training images under the very corruptions to
come. What a model could know that was told the shift beforehand; a reference, which adapts to nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.learning.pretraining import one_cycle
from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionModel
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup


@corruption.track.method("oracle", role="reference")
class Oracle(CorruptionModel):
    """learning_rate: the highest, of SGD that rises and falls once;  passes: over what it is told;  batch: images a
    step. Answers are by running statistics, and know no batch."""

    def __init__(
        self, setup: AdaptationSetup, *, learning_rate: float = 0.05, passes: int = 3, batch: int = 64
    ) -> None:
        super().__init__(setup)
        self._learning_rate, self._passes, self._batch = learning_rate, passes, batch

    def study(self, images: Tensor, labels: Tensor) -> None:
        """See `TestTimeAdapter.study`: cross-entropy on all parameters."""
        self.model.train().requires_grad_()
        steps = self._passes * -(-len(labels) // self._batch)
        stepper = one_cycle(steps)(self.model.parameters(), lr=self._learning_rate, fused=True)
        rng = self.setup.generator("study")
        for _ in range(self._passes):
            for places in torch.randperm(len(labels), generator=rng).split(self._batch):
                if len(places) > 1:  # one image is no batch
                    seen = images[places].to(self.setup.device).float().div_(255)
                    loss = F.cross_entropy(self.model(seen), labels[places].to(self.setup.device))
                    stepper.zero_grad()
                    loss.backward()
                    stepper.step()
        self.model.eval().requires_grad_(False)
