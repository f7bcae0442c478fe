"""Experience replay. Chaudhry et al.: On Tiny Episodic Memories in Continual Learning, 2019, arXiv:1902.10486.

Keep a uniform sample of all examples seen; every minibatch of the new task is joined by one from the sample.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import Reservoir, SequentialForgettingLearner
from benchmark.tasks.forgetting.rules import ContinualSetup


@permuted.track.method("er", role="baseline", paper="arXiv:1902.10486")
@split.track.method("er", role="baseline", paper="arXiv:1902.10486")
class ExperienceReplay(SequentialForgettingLearner):
    """As many replayed examples per minibatch as new ones (algorithm 1)."""

    def __init__(self, setup: ContinualSetup) -> None:
        super().__init__(setup)
        self._reservoir = Reservoir(setup.memory, self.generator)

    def loss(self, index: int) -> Callable[..., Tensor]:
        """Mean cross-entropy over the minibatch and as many replayed examples."""
        if index == 0:
            return super().loss(index)

        def loss(images: Tensor, labels: Tensor) -> Tensor:
            old_images, old_labels, old_tasks = self._reservoir.draw(len(labels))
            tasks = torch.cat([torch.full_like(labels, index), old_tasks])
            scores = self.model.mixed(torch.cat([images, old_images]), tasks)
            return F.cross_entropy(scores, torch.cat([labels, old_labels]))

        return loss

    def consolidate(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Stream the task past the reservoir once."""
        self._reservoir.add(images, labels, index)

    def memory(self) -> int:
        """The kept examples."""
        return self._reservoir.floats()
