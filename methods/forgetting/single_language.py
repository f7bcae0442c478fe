"""A network for each language, trained on its sentences alone: what sharing would have to beat.

Each makes as many steps as the shared network, with as many sentences of its language in each; all are trained at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.learner import MultitaskLearner


@multilingual.track.method("single-language", role="reference")
class SingleLanguage(MultitaskLearner):
    """They start from the same weights. Adam takes each one's weights by themselves."""

    pace = 0.5

    def started(self, weights: Tensor) -> Tensor:
        """See `MultitaskLearner.started`."""
        return weights.repeat(len(self.counts), 1)

    def gradient(self) -> Tensor:
        """See `MultitaskLearner.gradient`."""
        batch = self.batch()
        losses, tokens = self.network.losses(self.weights, batch.sources, batch.targets, batch.tags)
        (gradient,) = torch.autograd.grad((losses.sum(1) / tokens.sum(1)).sum(), self.weights)
        return gradient

    def products(self, sources: Tensor, targets: Tensor) -> Tensor | None:
        """See `MultilingualLearner.products`: there is nothing shared."""
        return None
