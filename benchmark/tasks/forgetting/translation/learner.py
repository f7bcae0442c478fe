"""What methods of `forgetting.multilingual` share: the training of a small Transformer on all languages, to which they
add what they do with the tasks' gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.tasks.forgetting.translation.interface import MultilingualSetup
from benchmark.tasks.forgetting.translation.network import PAD, Translator

WARM_UP = 0.4
"""Of all steps: the learning rate rises linearly, and falls linearly to 0 from there. Of 0.1, 0.25, 0.4 and 0.5 tried
with the plain sum."""
BETAS = (0.9, 0.98)
"""Of Adam (Vaswani et al. 2017, arXiv:1706.03762, section 5.3)."""
LONGEST_GRADIENT = 1.0
"""What a step's gradient is cut to, for each network by itself, whatever it is made of."""
_AT_ONCE = 256
"""Sentences translated at once."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Sentences of every task. sources, targets: (m, n, length) int64;  tags: (m, n) int64."""

    sources: Tensor
    targets: Tensor
    tags: Tensor


class MultitaskLearner(ABC):
    """Adam on one vector of weights for all languages.

    Attributes: setup; network; weights (1, weights), or (m, weights) if every task has its own; step, of those made;
    pace, the method's highest learning rate over the setup's, of five that were tried (docs/tuning/multilingual.md).
    """

    pace = 1.0

    def __init__(self, setup: MultilingualSetup) -> None:
        self.setup = setup
        self.network = Translator(setup.shape())

    @abstractmethod
    def gradient(self) -> Tensor:
        """The gradient of this step, shaped as the weights."""

    def begin(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """See `MultilingualLearner.begin`."""
        device = self.setup.device
        self._sources, self._targets = torch.cat(sources).to(device), torch.cat(targets).to(device)
        self.counts = torch.tensor([len(rows) for rows in sources])
        self.firsts = self.counts.cumsum(0) - self.counts
        self.picks = self.setup.generator("batches")
        weights = self.network.initial(self.setup.generator("weights")).to(device)
        self.weights = self.started(weights.unsqueeze(0)).requires_grad_()
        self._optimizer = torch.optim.Adam([self.weights], betas=BETAS, fused=True)
        self.step = 0

    def started(self, weights: Tensor) -> Tensor:
        """The initial weights as this method has them, of (1, weights)."""
        return weights

    def train(self, until: int) -> None:
        """See `MultilingualLearner.train`."""
        while self.step < until:
            for group in self._optimizer.param_groups:
                group["lr"] = self.rate()
            gradient = self.gradient()
            lengths = gradient.norm(dim=1, keepdim=True)
            self.weights.grad = gradient * (LONGEST_GRADIENT / lengths.clamp(min=LONGEST_GRADIENT))
            self._optimizer.step()
            self.step += 1

    def rate(self) -> float:
        """The learning rate of this step."""
        steps = self.setup.steps
        warm = max(1.0, WARM_UP * steps)
        return (
            self.pace
            * self.setup.learning_rate
            * min((self.step + 1) / warm, (steps - self.step) / max(1.0, steps - warm))
        )

    def batch(self) -> Batch:
        """The next sentences, equally many of each task."""
        m, size = len(self.counts), self.setup.batch_size
        places = (torch.rand(m, size, generator=self.picks) * self.counts.unsqueeze(1)).long()
        return self.chosen(places + self.firsts.unsqueeze(1), torch.arange(m).unsqueeze(1).expand(m, size))

    def chosen(self, rows: Tensor, tags: Tensor) -> Batch:
        """Sentences at `rows` (m, n) of all tasks' in a row, which are of the tasks `tags`."""
        device = self.setup.device
        rows = rows.to(device)
        return Batch(_cut(self._sources[rows]), _cut(self._targets[rows]), tags.to(device))

    def products(self, sources: Tensor, targets: Tensor) -> Tensor | None:
        """See `MultilingualLearner.products`."""
        m, n = sources.shape[:2]
        device = self.setup.device
        tags = torch.arange(m, device=device).unsqueeze(1).expand(m, n)
        batch = Batch(_cut(sources.to(device)), _cut(targets.to(device)), tags)
        gradients, _ = per_task(self.network, self.weights, batch)
        return by_layer(self.network, gradients[:, : self.network.shared])

    def translate(self, language: int, sources: Tensor) -> Tensor:
        """See `MultilingualLearner.translate`."""
        weights = self.weights.detach()
        weights = weights[language : language + 1] if len(weights) > 1 else weights
        written = []
        for part in sources.to(self.setup.device).split(_AT_ONCE):
            tags = torch.full((1, len(part)), language, device=part.device)
            written.append(self.network.translate(weights, _cut(part).unsqueeze(0), tags)[0])
        return torch.cat(written).cpu()

    def held(self) -> int:
        """See `MultilingualLearner.held`."""
        return 0


class JointLearner(MultitaskLearner):
    """One loss for all tasks, so that their gradients need not come apart."""

    def gradient(self) -> Tensor:
        """See `MultitaskLearner.gradient`: of the mean over tasks."""
        batch = self.batch()
        m = len(batch.tags)
        losses, tokens = self.network.losses(self.weights, *_in_one(batch))
        by_task = losses.view(m, -1).sum(1) / tokens.view(m, -1).sum(1)
        (gradient,) = torch.autograd.grad(by_task.mean(), self.weights)
        return gradient


class PerTaskLearner(MultitaskLearner):
    """The gradient of what all tasks share is a combination of the tasks' own; each tag keeps its plain one."""

    @abstractmethod
    def combined(self, gradients: Tensor, losses: Tensor) -> Tensor:
        """The gradient (shared,) made of the tasks' (m, shared), with their losses (m,)."""

    def gradient(self) -> Tensor:
        """See `MultitaskLearner.gradient`."""
        gradients, losses = per_task(self.network, self.weights, self.batch())
        shared = self.network.shared
        parts = [self.combined(gradients[:, :shared], losses), gradients[:, shared:].mean(0)]
        return torch.cat(parts).unsqueeze(0)

    def held(self) -> int:
        """See `MultilingualLearner.held`: a gradient for each task."""
        return len(self.counts) * self.weights.numel()


def per_task(network: Translator, weights: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Gradients (m, weights) of the tasks' mean losses per token, and the losses (m,), in one backward pass.

    weights: (1, weights) for all, or (m, weights)
    """
    stack = weights.detach().expand(len(batch.tags), -1).requires_grad_()
    losses, tokens = network.losses(stack, batch.sources, batch.targets, batch.tags)
    means = losses.sum(1) / tokens.sum(1)
    (gradients,) = torch.autograd.grad(means.sum(), stack)
    return gradients, means.detach()


def by_layer(network: Translator, gradients: Tensor) -> Tensor:
    """Inner products (layers, m, m) of gradients (m, shared), layer by layer."""
    return torch.stack([part @ part.T for part in gradients.split(network.sizes, dim=1)])


def _in_one(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The batch of all tasks as that of a single one."""
    return tuple(part.flatten(0, 1).unsqueeze(0) for part in (batch.sources, batch.targets, batch.tags))  # type: ignore[return-value]


def _cut(rows: Tensor) -> Tensor:
    """Rows without the columns at the end that all pad."""
    longest = int((rows != PAD).flatten(0, -2).any(0).sum())
    return rows[..., : max(1, longest)]
