"""Joint training: after each task, a fresh network trained on all tasks seen so far together.

It keeps all data, which the task's question forbids, so it is a reference: the accuracy that forgetting costs is its
distance. Its cost grows with the square of the number of tasks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner
from benchmark.tasks.forgetting.rules import ContinualSetup


@permuted.track.method("joint", role="reference")
@split.track.method("joint", role="reference")
class Joint(SequentialForgettingLearner):
    """Multitask learning on the union of the tasks, with the same epochs per example."""

    def __init__(self, setup: ContinualSetup) -> None:
        super().__init__(setup)
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def learn(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Start anew and train on everything so far."""
        self._seen.append((images, labels, torch.full_like(labels, index)))
        self.model = self.setup.model()
        everything = [torch.cat(parts) for parts in zip(*self._seen, strict=True)]
        # Index 0: the statistics of batch-norm belong to this training run, as all else does.
        self.train(0, *everything, loss=lambda x, y, task: F.cross_entropy(self.model.mixed(x, task), y))

    def memory(self) -> int:
        """All images and labels."""
        return sum(images.numel() + labels.numel() for images, labels, _ in self._seen)
