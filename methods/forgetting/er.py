"""Experience replay. Chaudhry et al.: On Tiny Episodic Memories in Continual Learning, 2019, arXiv:1902.10486.

Keep a uniform sample of all examples seen; every minibatch of the new task is joined by one from the sample.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import ReplayForgettingLearner


@permuted.track.method("er", role="baseline", paper="arXiv:1902.10486")
@split.track.method("er", role="baseline", paper="arXiv:1902.10486")
class ExperienceReplay(ReplayForgettingLearner):
    """As many replayed examples per minibatch as new ones (algorithm 1)."""

    def loss(self, index: int) -> Callable[..., Tensor]:
        """Mean cross-entropy over the minibatch and as many replayed examples."""
        if index == 0:
            return super().loss(index)

        def loss(images: Tensor, labels: Tensor) -> Tensor:
            old_images, old_labels, old_tasks = self.reservoir.draw(len(labels))
            tasks = torch.cat([torch.full_like(labels, index), old_tasks])
            scores = self.model.mixed(torch.cat([images, old_images]), tasks)
            return F.cross_entropy(scores, torch.cat([labels, old_labels]))

        return loss
