"""What learners of `architecture` share: SGD on many small networks at once.

A problem is one training set, of a size and a repeat. Networks of all problems lie in the same tensors, a slice for
each: a matrix product of the stack trains them side by side, and none sees another's data or gradients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from benchmark.tasks.sample_efficiency.rules import LearnerSetup

Weights = dict[str, Tensor]
"""Parameters by name, each (problems, ...)."""
BESIDE_QUICK = ("smoke", "standard")
"""Tiers of learners that repeat what others in the quick one show."""
_CHUNK = 2**22
"""Numbers of inputs, times problems, that are classified at once, to bound the memory."""


class StackedLearner(ABC):
    """Minibatch SGD with momentum, the rate falling to 0, on the logistic loss.

    learning_rate: at the start;  momentum: Polyak's;  decay: of weights, added to the gradient;  clip: the largest
    norm of a problem's gradient, as networks with squares diverge without. First layers are Gaussian (`gaussian`):
    with that, and with steps of SGD, training does the same in any rotation of the inputs (section 3,
    arXiv:2010.08515).
    """

    momentum = 0.9
    clip = 1.0

    def __init__(self, setup: LearnerSetup, *, learning_rate: float, decay: float = 0.0) -> None:
        self.setup = setup
        self.learning_rate = learning_rate
        self.decay = decay
        self.weights: Weights = {}
        self._learned = 0

    def prepared(self, inputs: Tensor) -> Tensor:
        """Return what `scores` takes of inputs (n, channels, height, width), made once for all steps: (n, ...)."""
        return inputs

    @abstractmethod
    def initial(self, problems: int, shape: tuple[int, int, int], rng: Generator) -> Weights:
        """Return the initial weights for inputs of a shape (channels, height, width), on the CPU."""

    @abstractmethod
    def scores(self, weights: Weights, inputs: Tensor) -> Tensor:
        """Return scores (problems, b) of prepared inputs (problems, b, ...): positive means class 1."""

    def learn(self, inputs: Tensor, labels: Tensor, sizes: Sequence[int], steps: int) -> None:
        """See `SampleLearner.learn`."""
        repeats, most, *shape = inputs.shape
        self._learned += 1
        rng = self.setup.generator("learn", self._learned)
        size = torch.tensor(sizes).repeat_interleave(repeats).unsqueeze(1)
        first = most * torch.arange(repeats).repeat(len(sizes)).unsqueeze(1)
        self.weights = {
            name: weight.to(inputs.device)
            for name, weight in self.initial(len(size), (shape[0], shape[1], shape[2]), rng).items()
        }
        names, parameters = list(self.weights), [each.requires_grad_() for each in self.weights.values()]
        speeds = [torch.zeros_like(each) for each in parameters]
        flat, signs = self.prepared(inputs.flatten(0, 1)), (2 * labels - 1).flatten().to(inputs.dtype)
        for step in range(steps):
            chosen = (torch.rand(len(size), self.setup.batch_size, generator=rng) * size).long() + first
            chosen = chosen.to(inputs.device)
            scores = self.scores(dict(zip(names, parameters, strict=True)), flat[chosen])
            # Each problem's own mean: a sum over problems leaves every slice its own gradient.
            loss = F.softplus(-signs[chosen] * scores).mean(1).sum()
            self.step(
                parameters, torch.autograd.grad(loss, parameters), speeds, self.learning_rate * (1 - step / steps)
            )
        self.weights = {name: each.detach() for name, each in self.weights.items()}

    @torch.no_grad()
    def step(
        self, parameters: list[Tensor], gradients: Sequence[Tensor], speeds: list[Tensor], learning_rate: float
    ) -> None:
        """Move the parameters in place."""
        norm = torch.stack([each.flatten(1).square().sum(1) for each in gradients]).sum(0).sqrt()
        factor = self.clip / norm.clamp_min(self.clip)
        for parameter, gradient, speed in zip(parameters, gradients, speeds, strict=True):
            shrunk = gradient * factor.view(-1, *[1] * (gradient.ndim - 1))
            if self.decay:
                shrunk = shrunk.add_(parameter, alpha=self.decay)
            speed.mul_(self.momentum).add_(shrunk)
            parameter.sub_(speed, alpha=learning_rate)

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> Tensor:
        """See `SampleLearner.predict`."""
        problems, ready = len(next(iter(self.weights.values()))), self.prepared(inputs)
        part = max(1, _CHUNK // (problems * ready[0].numel()))
        scores = [self.scores(self.weights, each.expand(problems, *each.shape)) for each in ready.split(part)]
        classes: Tensor = (torch.cat(scores, 1) > 0).long()
        return classes


def gaussian(rng: Generator, problems: int, *shape: int, fan_in: int) -> Tensor:
    """Independent normal weights (problems, *shape) of variance 1 / fan_in, whose law no rotation changes."""
    weights: Tensor = torch.randn(problems, *shape, generator=rng) / fan_in**0.5
    return weights


def windows(maps: Tensor) -> Tensor:
    """What a convolution of width 3 sees at each position, on a circle: (..., c, h, w) -> (..., h * w, taps * c).

    taps: 3 for each of height and width that is above 1.
    """
    for axis in (-1, -2):
        if maps.shape[axis] > 1:
            maps = torch.cat([maps.roll(1, axis), maps, maps.roll(-1, axis)], -3)
    return maps.flatten(-2).transpose(-1, -2)


def taps(shape: tuple[int, int, int]) -> int:
    """How many positions a window has on maps of a shape (channels, height, width)."""
    return int(3 ** sum(size > 1 for size in shape[1:]))
