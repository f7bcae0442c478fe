"""What `architecture` fixes: the contestant's interface, what it is told, sizes of a tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from benchmark.tasks.rules import Budget, Setup

if TYPE_CHECKING:
    from torch import Tensor


class SampleLearner(Protocol):
    """What a method of `architecture` implements. Built once as `Method(setup)`; `learn` starts anew each time."""

    def learn(self, inputs: Tensor, labels: Tensor, sizes: Sequence[int], steps: int) -> None:
        """Learn `len(sizes) * repeats` problems apart from each other: of each repeat, its first `size` samples.

        inputs: (repeats, n, channels, height, width) float32;  labels: (repeats, n) int64, 0 or 1;  sizes: rising, the
        largest is n;  steps: of minibatches of the setup's size, if it takes steps.
        """

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the classes (len(sizes) * repeats, m) int64 that each problem's learner gives to inputs (m, ...).

        In the order of sizes, and repeats within a size.
        """


@dataclass(frozen=True, slots=True)
class LearnerSetup(Setup):
    """What the contestant is told."""

    batch_size: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """A setting and the input dimensions at which it is searched, rising.

    setting: a distribution of `distributions.py`;  first, most: of the grid of sizes;  steps: of each training.
    """

    setting: str
    dimensions: tuple[int, ...]
    most: int
    steps: int
    first: int = 8


@dataclass(frozen=True, slots=True)
class ArchitectureBudget(Budget):
    """Sizes of a tier. ladders: the first is the primary one;  repeats: training sets of each size;  test: samples;
    tile: pixels a side of what lies on canvases, images of the dataset's first two classes."""

    ladders: tuple[Ladder, ...]
    repeats: int
    test: int
    batch_size: int = 64
    tile: int = 8
