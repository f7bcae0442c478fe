"""Temperature sampling: languages with more sentences come more often, but less so than in proportion.

A sentence is of language l with a probability in proportion to n_l^(1 / T), n_l the language's number of sentences
(Arivazhagan et al.: Massively Multilingual Neural Machine Translation in the Wild, 2019, arXiv:1907.05019, section 4.2;
T = 5 there and in the Gradient Vaccine's experiments).
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.interface import MultilingualSetup
from benchmark.tasks.forgetting.translation.learner import Batch, MultitaskLearner


@multilingual.track.method("temperature", role="baseline", paper="arXiv:1907.05019")
class Temperature(MultitaskLearner):
    """temperature: T; 1 is in proportion, infinity equally often."""

    def __init__(self, setup: MultilingualSetup, *, temperature: float = 5.0) -> None:
        super().__init__(setup)
        self._temperature = temperature

    def gradient(self) -> Tensor:
        """See `MultitaskLearner.gradient`: of the mean over all tokens of the batch."""
        batch = self.sampled()
        losses, tokens = self.network.losses(self.weights, batch.sources, batch.targets, batch.tags)
        (gradient,) = torch.autograd.grad(losses.sum() / tokens.sum(), self.weights)
        return gradient

    def sampled(self) -> Batch:
        """As many sentences as all tasks have in a step, of languages at random."""
        size = len(self.counts) * self.setup.batch_size
        chances = self.counts.double() ** (1 / self._temperature)
        tags = chances.multinomial(size, replacement=True, generator=self.picks)
        places = (torch.rand(size, generator=self.picks) * self.counts[tags]).long()
        return self.chosen((places + self.firsts[tags]).unsqueeze(0), tags.unsqueeze(0))
