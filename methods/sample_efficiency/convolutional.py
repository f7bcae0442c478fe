"""The convolutional network, and two that have only a part of what it has.

Li, Zhang, Arora: Why Are Convolutional Nets More Sample-Efficient than Fully-Connected Nets? ICLR 2021,
arXiv:2010.08515. A convolution knows which coordinates are neighbours (locality) and treats all places alike (sharing).
Claim: where the label is the sign of the difference of half energies, the convolutional network needs a number of
samples that does not depend on the input dimension d, and a fully connected one d^2 (theorem 5.2).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from benchmark.tasks.sample_efficiency import architecture
from benchmark.tasks.sample_efficiency.learner import BESIDE_QUICK, StackedLearner, Weights, gaussian, taps, windows
from benchmark.tasks.sample_efficiency.rules import LearnerSetup

PAPER = "arXiv:2010.08515"


@architecture.track.method("cnn", paper=PAPER)
class Convolutional(StackedLearner):
    """Convolution of width 3 to 10 channels, squares, convolution of width 3 to one, mean over places (section 6).

    Edges are joined to a circle, as in the proofs.
    """

    def __init__(self, setup: LearnerSetup, *, channels: int = 10, learning_rate: float = 0.05) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        self.channels = channels

    def initial(self, problems: int, shape: tuple[int, int, int], rng: Generator) -> Weights:
        """See `StackedLearner.initial`."""
        seen = shape[0] * taps(shape)
        return {
            "filters": gaussian(rng, problems, seen, self.channels, fan_in=seen),
            "shift": torch.zeros(problems, 1, self.channels),
            "out": gaussian(rng, problems, taps(shape), self.channels, fan_in=taps(shape) * self.channels),
            "bias": torch.zeros(problems, 1),
        }

    def prepared(self, inputs: Tensor) -> Tensor:
        """Return the moments of what filters see, (n, seen + 1, seen + 1), with a constant 1 among what they see.

        The mean over places of (w x + b)^2 is a quadratic form in (w, b), whose matrix is the mean of the products of
        all that a place sees. It is the same number at a cost that does not grow with the input.
        """
        seen = F.pad(windows(inputs), (0, 1), value=1.0)
        # The mean is scaled to a sum of so many independent terms, lest the signal vanish in large inputs.
        moments: Tensor = seen.mT @ seen / seen.shape[-2] ** 0.5
        return moments

    def scores(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See `StackedLearner.scores`."""
        filters = torch.cat([weights["filters"], weights["shift"]], 1)
        pooled = (torch.einsum("pbst,ptc->pbsc", inputs, filters) * filters.unsqueeze(1)).sum(2)
        # On a circle the mean over places of a convolution is its taps' sum times the mean of what it reads.
        return torch.einsum("pbc,ptc->pb", pooled, weights["out"]) + weights["bias"]


@architecture.track.method("hybrid", role="baseline", paper=PAPER, tiers=BESIDE_QUICK)
class Hybrid(Convolutional):
    """One full layer from d to d, then the convolutional network: the first layer decides what is known of places."""

    def initial(self, problems: int, shape: tuple[int, int, int], rng: Generator) -> Weights:
        """See `StackedLearner.initial`."""
        d = shape[0] * shape[1] * shape[2]
        return super().initial(problems, shape, rng) | {"full": gaussian(rng, problems, d, d, fan_in=d)}

    def __init__(self, setup: LearnerSetup, *, channels: int = 10, learning_rate: float = 0.2) -> None:
        super().__init__(setup, channels=channels, learning_rate=learning_rate)

    def prepared(self, inputs: Tensor) -> Tensor:
        """See `StackedLearner.prepared`: nothing can be known before the full layer is."""
        return inputs

    def scores(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See `StackedLearner.scores`."""
        mixed = inputs.flatten(2) @ weights["full"]
        return super().scores(weights, super().prepared(mixed.view_as(inputs)))


@architecture.track.method("local", role="baseline", paper=PAPER)
class LocallyConnected(StackedLearner):
    """The convolutional network without sharing: every place has filters of its own, and its own weights to be read by.

    In a mean over places a second layer of width 3 without sharing is no more than such weights.
    """

    def __init__(self, setup: LearnerSetup, *, channels: int = 10, learning_rate: float = 0.1) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        self.channels = channels

    def prepared(self, inputs: Tensor) -> Tensor:
        """Return what each place sees, (n, places, seen)."""
        return windows(inputs)

    def initial(self, problems: int, shape: tuple[int, int, int], rng: Generator) -> Weights:
        """See `StackedLearner.initial`."""
        seen, places = shape[0] * taps(shape), shape[1] * shape[2]
        return {
            "filters": gaussian(rng, problems, places, self.channels, seen, fan_in=seen),
            "shift": torch.zeros(problems, places, self.channels, 1),
            "out": gaussian(rng, problems, places, 1, self.channels, fan_in=places * self.channels),
            "bias": torch.zeros(problems, 1),
        }

    def scores(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See `StackedLearner.scores`."""
        problems, batch, places, _ = inputs.shape
        # Places lie in the stack beside problems, and samples last: twice as fast as channels last.
        filters, shift, out = (weights[name].flatten(0, 1) for name in ("filters", "shift", "out"))
        seen = inputs.permute(0, 2, 3, 1).flatten(0, 1).contiguous()  # (problems * places, seen, b)
        read = out @ torch.baddbmm(shift, filters, seen).square()
        return read.view(problems, places, batch).sum(1) + weights["bias"]
