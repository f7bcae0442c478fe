"""Fully connected networks of two layers: what convolutions are compared with.

Li, Zhang, Arora: Why Are Convolutional Nets More Sample-Efficient than Fully-Connected Nets? ICLR 2021,
arXiv:2010.08515. Trained by SGD from Gaussian weights such a network does the same in any rotation of its inputs, so
that it cannot know which coordinates belong together. Claim: on Gaussian inputs of d dimensions, whose label is the
sign of the difference of half energies, it needs of the order of d^2 samples (theorem 5.2); width, another activation,
weight decay and batch normalisation do not change that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from benchmark.tasks.sample_efficiency import architecture
from benchmark.tasks.sample_efficiency.learner import BESIDE_QUICK, StackedLearner, Weights, gaussian
from benchmark.tasks.sample_efficiency.rules import LearnerSetup

PAPER = "arXiv:2010.08515"


@architecture.track.method("fc", role="baseline", paper=PAPER)
class FullyConnected(StackedLearner):
    """Squares of a full layer, then a linear one (section 6). width: of the hidden layer; the paper's is d = 3072."""

    def __init__(self, setup: LearnerSetup, *, width: int = 96, learning_rate: float = 0.1, decay: float = 0.0) -> None:
        super().__init__(setup, learning_rate=learning_rate, decay=decay)
        self.width = width

    def initial(self, problems: int, shape: tuple[int, int, int], rng: Generator) -> Weights:
        """See `StackedLearner.initial`."""
        d = shape[0] * shape[1] * shape[2]
        return {
            "hidden": gaussian(rng, problems, d, self.width, fan_in=d),
            "shift": torch.zeros(problems, 1, self.width),
            "out": gaussian(rng, problems, self.width, 1, fan_in=self.width),
            "bias": torch.zeros(problems, 1, 1),
        }

    def scores(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See `StackedLearner.scores`."""
        hidden = torch.baddbmm(weights["shift"], inputs.flatten(2), weights["hidden"])
        return torch.baddbmm(weights["bias"], self.activation(hidden), weights["out"]).squeeze(2)

    def activation(self, hidden: Tensor) -> Tensor:
        """What follows the hidden layer."""
        return hidden.square()


@architecture.track.method("fc-relu", role="baseline", paper=PAPER, tiers=BESIDE_QUICK)
class Rectified(FullyConnected):
    """With ReLU in place of squares."""

    def __init__(self, setup: LearnerSetup, *, width: int = 96, learning_rate: float = 0.4) -> None:
        super().__init__(setup, width=width, learning_rate=learning_rate)

    def activation(self, hidden: Tensor) -> Tensor:
        """See `FullyConnected.activation`."""
        return F.relu(hidden)


@architecture.track.method("fc-wide", role="baseline", paper=PAPER, tiers=BESIDE_QUICK)
class Wide(FullyConnected):
    """Four times as wide."""

    def __init__(self, setup: LearnerSetup, *, width: int = 384, learning_rate: float = 0.1) -> None:
        super().__init__(setup, width=width, learning_rate=learning_rate)


@architecture.track.method("fc-decay", role="baseline", paper=PAPER, tiers=BESIDE_QUICK)
class Decayed(FullyConnected):
    """With weight decay."""

    def __init__(self, setup: LearnerSetup, *, learning_rate: float = 0.1, decay: float = 0.001) -> None:
        super().__init__(setup, learning_rate=learning_rate, decay=decay)


@architecture.track.method("fc-batchnorm", role="baseline", paper=PAPER, tiers=BESIDE_QUICK)
class Normalised(FullyConnected):
    """With batch normalisation of the hidden layer (Ioffe and Szegedy 2015, arXiv:1502.03167) before its squares."""

    def __init__(self, setup: LearnerSetup, *, learning_rate: float = 0.2, keep: float = 0.9) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        self.keep = keep
        self.mean = self.variance = torch.zeros(())

    def initial(self, problems: int, shape: tuple[int, int, int], rng: Generator) -> Weights:
        """See `StackedLearner.initial`."""
        self.mean, self.variance = torch.zeros(problems, 1, self.width), torch.ones(problems, 1, self.width)
        return super().initial(problems, shape, rng) | {"scale": torch.ones(problems, 1, self.width)}

    def scores(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See `StackedLearner.scores`: by the batch's statistics in training, by their running means afterwards."""
        hidden = inputs.flatten(2) @ weights["hidden"]
        if torch.is_grad_enabled():
            variance, mean = torch.var_mean(hidden, 1, correction=0, keepdim=True)
            self.mean = self.keep * self.mean.to(mean.device) + (1 - self.keep) * mean.detach()
            self.variance = self.keep * self.variance.to(mean.device) + (1 - self.keep) * variance.detach()
        else:
            mean, variance = self.mean, self.variance
        hidden = (hidden - mean) * ((variance + 1e-5).rsqrt() * weights["scale"]) + weights["shift"]
        return torch.baddbmm(weights["bias"], self.activation(hidden), weights["out"]).squeeze(2)
