"""What the methods of the `forgetting` task share: the sequential learner that each of them varies, and its memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.learning.training import predict, train
from benchmark.tasks.forgetting.rules import ContinualSetup


class SequentialForgettingLearner:
    """Plain SGD on one task after another, with nothing against forgetting; methods override what they do differently.

    Attributes: setup; model (a `ContinualNet`); generator (of minibatch orders and of the method's own choices);
    optimizer (of the task in training, or of the last).
    """

    optimizer: torch.optim.Optimizer

    def __init__(self, setup: ContinualSetup) -> None:
        self.setup = setup
        self.model = setup.model()
        self.generator = setup.generator("method")

    def learn(self, index: int, images: Tensor, labels: Tensor) -> None:
        """See `ContinualLearner.learn`: train on the task, then let the method take note of it."""
        self.train(index, images, labels, loss=self.loss(index), before_step=self.before_step if index else None)
        if index + 1 < self.setup.tasks:  # what is kept after the last task would serve nobody
            self.consolidate(index, images, labels)

    def predict(self, index: int, images: Tensor) -> Tensor:
        """See `ContinualLearner.predict`."""
        return predict(lambda part: self.model(part, index), images)

    def memory(self) -> int:
        """See `ContinualLearner.memory`."""
        return 0

    def loss(self, index: int) -> Callable[..., Tensor]:
        """Return the loss of a minibatch of task `index`: mean cross-entropy."""
        return lambda images, labels: F.cross_entropy(self.model(images, index), labels)

    def before_step(self) -> None:
        """Change the gradients of a step on any task but the first."""

    def consolidate(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Keep something of a task just learned; not called after the last."""

    def train(
        self,
        index: int,
        *tensors: Tensor,
        loss: Callable[..., Tensor],
        before_step: Callable[[], None] | None = None,
    ) -> None:
        """Train within the setup's budget; by the rules, batch-norm statistics stay as the first task left them."""
        train(
            self.model,
            *tensors,
            loss=loss,
            schedule=self.setup.schedule(),
            generator=self.generator,
            before_step=before_step,
            freeze_statistics=index > 0,
            optimizer=self._plain_sgd,
        )

    @property
    def rate(self) -> float:
        """The learning rate of the step being taken, which the schedule may have lowered."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def choose(self, count: int, total: int) -> Tensor:
        """Indices of `count` examples out of `total`, or of all if there are fewer, without repetition."""
        return torch.randperm(total, generator=self.generator)[:count].to(self.setup.device)

    def shared_layers(self) -> list[nn.Linear | nn.Conv2d]:
        """Layers that later tasks train again: the body's, and the head if all tasks share one."""
        parts = [self.model.body, *([self.model.head(0)] if self.setup.one_head else [])]
        return [layer for part in parts for layer in part.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]

    def _plain_sgd(self, *arguments: Any, **words: Any) -> torch.optim.Optimizer:
        self.optimizer = torch.optim.SGD(*arguments, **words)
        return self.optimizer


def gradient_of(layer: nn.Linear | nn.Conv2d) -> Tensor:
    """The gradient of a layer's weight, as the last backward pass left it."""
    assert layer.weight.grad is not None, "no backward pass has reached this layer"
    return layer.weight.grad


def patches(layer: nn.Conv2d, images: Tensor) -> Tensor:
    """The inputs of a convolution as it sees them (im2col): (n, fan-in, places), flattened as its weight is."""
    assert not isinstance(layer.padding, str), "the standard networks pad by numbers"
    return F.unfold(
        images,
        layer.kernel_size,
        dilation=layer.dilation,
        padding=layer.padding,
        stride=layer.stride,
    )


class Reservoir:
    """A uniform sample of all examples seen so far (Vitter 1985, algorithm R), with the task each belongs to.

    images: (n, c, h, w);  labels, tasks: (n,) int64;  more, if added: (n, ...);  n <= capacity
    """

    def __init__(self, capacity: int, generator: torch.Generator) -> None:
        self.capacity = capacity
        self.seen = 0
        self._generator = generator
        self._filled: tuple[Tensor, ...] | None = None

    def __len__(self) -> int:
        return 0 if self._filled is None else len(self._filled[0])

    def add(self, images: Tensor, labels: Tensor, task: int, *more: Tensor) -> None:
        """Stream examples past the reservoir in a seeded order, all at once; more: what else is kept of each."""
        order = torch.randperm(len(labels), generator=self._generator)
        times = self.seen + torch.arange(len(labels))
        self.seen += len(labels)
        # The example at time s takes place s while there is room, later a uniform one of s + 1, if that is a place.
        drawn = (torch.rand(len(labels), generator=self._generator, dtype=torch.float64) * (times + 1)).long()
        places = torch.where(times < self.capacity, times, drawn)
        winner = torch.full((self.capacity,), -1)
        inside = (places < self.capacity).nonzero().squeeze(1)
        winner.scatter_reduce_(0, places[inside], inside, "amax")  # of several at one place, the last stays
        taken = (winner >= 0).nonzero().squeeze(1)
        chosen = order[winner[taken]].to(images.device)
        new = (images[chosen], labels[chosen], torch.full_like(labels[chosen], task), *(each[chosen] for each in more))
        size = min(self.seen, self.capacity)
        grown = []
        for index, part in enumerate(new):
            target = part.new_empty((size, *part.shape[1:]))
            if self._filled is not None:
                target[: len(self)] = self._filled[index]
            target[taken.to(target.device)] = part
            grown.append(target)
        self._filled = tuple(grown)

    def draw(self, count: int) -> tuple[Tensor, ...]:
        """Draw images, labels, tasks and what else was added of `count` examples, independently of one another."""
        assert self._filled is not None, "nothing was added yet"
        chosen = torch.randint(len(self), (count,), generator=self._generator)
        return tuple(part[chosen.to(part.device)] for part in self._filled)

    def floats(self) -> int:
        """Floats kept: pixels of the images, one for each label, and what else was added; tasks do not count."""
        if self._filled is None:
            return 0
        images, labels, _, *more = self._filled
        return sum(part.numel() for part in (images, labels, *more))


class ReplayForgettingLearner(SequentialForgettingLearner):
    """Keeps a uniform sample of the examples seen, as many as the track's rules allow.

    Attributes: reservoir.
    """

    def __init__(self, setup: ContinualSetup) -> None:
        super().__init__(setup)
        self.reservoir = Reservoir(setup.memory, self.generator)

    def consolidate(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Stream the task past the reservoir once."""
        self.reservoir.add(images, labels, index, *self.noted(index, images))

    def noted(self, index: int, images: Tensor) -> tuple[Tensor, ...]:
        """What is kept of each example (n, ...) beside image and label."""
        return ()

    def memory(self) -> int:
        """The kept examples, and what is noted of them."""
        return self.reservoir.floats()
