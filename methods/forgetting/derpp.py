"""DER++. Buzzega et al.: Dark Experience for General Continual Learning, NeurIPS 2020, arXiv:2004.07211.

Replay that also keeps what the network answered: beside the cross-entropy of replayed examples, weighted by beta, later
scores are held to the kept ones by their mean squared distance, weighted by alpha (eq. 6).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.learning.training import predict
from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import ReplayForgettingLearner
from benchmark.tasks.forgetting.rules import ContinualSetup


@permuted.track.method("derpp", role="baseline", paper="arXiv:2004.07211")
class DarkExperienceReplay(ReplayForgettingLearner):
    """alpha, beta: weights of kept scores and of kept labels (docs/tuning/forgetting.md).

    The paper streams examples into the reservoir as it trains, with the scores of that moment; here a task is streamed
    once, when it is learned, as for all methods that replay. Scores are those of the example's own head.
    """

    def __init__(self, setup: ContinualSetup, *, alpha: float = 0.3, beta: float = 1.0) -> None:
        super().__init__(setup)
        self._alpha = alpha
        self._beta = beta

    def loss(self, index: int) -> Callable[..., Tensor]:
        """The loss of eq. 6: the minibatch's, and two independent draws of as many kept examples."""
        if index == 0:
            return super().loss(index)

        def loss(images: Tensor, labels: Tensor) -> Tensor:
            count = len(labels)
            old, old_labels, old_tasks, old_scores = self.reservoir.draw(2 * count)
            tasks = torch.cat([torch.full_like(labels, index), old_tasks])
            new, held, replayed = self.model.mixed(torch.cat([images, old]), tasks).split(count)
            return (
                F.cross_entropy(new, labels)
                + self._alpha * F.mse_loss(held, old_scores[:count])
                + self._beta * F.cross_entropy(replayed, old_labels[count:])
            )

        return loss

    def noted(self, index: int, images: Tensor) -> tuple[Tensor, ...]:
        """The scores of the network that has learned the task."""
        return (predict(lambda part: self.model(part, index), images),)


@split.track.method("derpp", role="baseline", paper="arXiv:2004.07211")
class SplitDarkExperienceReplay(DarkExperienceReplay):
    """See `DarkExperienceReplay`; at the split track's rate training diverges where alpha is large."""

    def __init__(self, setup: ContinualSetup, *, alpha: float = 0.1, beta: float = 0.5) -> None:
        super().__init__(setup, alpha=alpha, beta=beta)
