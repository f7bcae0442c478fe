"""What methods of `forgetting.multilingual` implement and are told, its sizes and its metrics.

The rules are in the package's docstring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from benchmark.tasks.rules import Budget, Setup
from benchmark.tasks.track import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.tasks.forgetting.translation.network import Shape

BLEU = Metric("bleu", "BLEU", True, "of test sentences (sacrebleu, 0 to 100); mean over languages")
CHRF = Metric("chrf", "chrF", True, "character n-gram F-score (sacrebleu, 0 to 100); mean over languages")
LOW_BLEU = Metric(
    "low_resource_bleu", "BLEU", True, "mean over the languages with less than half of the most sentences"
)
CONFLICTS = Metric(
    "conflicts", "%", False, "pairs of tasks whose gradients point apart; mean over the looks in training"
)
WITHIN = Metric(
    "cosine_within", "", True, "of two tasks' gradients, languages of one family; mean over pairs and looks"
)
ACROSS = Metric("cosine_across", "", True, "of two tasks' gradients, languages of different families; the same mean")
DISTANCE = Metric("distance_correlation", "", False, "Spearman's, of a pair's cosine with its lexical distance")
STEP = Metric("step", "ms", False, "training time per step", measured=True)
HELD = Metric("held_floats", "floats", False, "floats of gradients and targets held in a step, besides one gradient")
METRICS = (BLEU, CHRF, LOW_BLEU, CONFLICTS, WITHIN, ACROSS, DISTANCE, STEP, HELD)

LOW = 0.5
"""Languages with less than this share of the richest one's sentences are low-resource."""


class MultilingualLearner(Protocol):
    """What a method of this track implements. Built once per job as `Method(setup)`."""

    def begin(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """Take the training sentences of each language, and initial weights.

        sources, targets: (n, length) int64 each, PAD after the end; targets from BEGIN to END
        """

    def train(self, until: int) -> None:
        """Train until so many steps are made in all."""

    def products(self, sources: Tensor, targets: Tensor) -> Tensor | None:
        """Inner products (layers, m, m) of the m tasks' gradients at the present weights, by layer, or None if the
        tasks share no weights. sources, targets: (m, n, length)"""

    def translate(self, language: int, sources: Tensor) -> Tensor:
        """Return translations (n, setup.length) int64 of sources (n, length) up to END, each by itself."""

    def held(self) -> int:
        """Return how many floats of gradients and the like are held in a step, besides one gradient of all weights."""


@dataclass(frozen=True, slots=True)
class MultilingualSetup(Setup):
    """What the contestant is told. vocabulary: tokens of all languages, the source's too;  languages: tasks;  length:
    of the longest sentence, in tokens;  batch_size: sentences of each language in a step."""

    languages: int
    vocabulary: int
    length: int
    width: int
    heads: int
    layers: int
    steps: int
    batch_size: int
    learning_rate: float

    def shape(self) -> Shape:
        """Of the standard network."""
        from benchmark.tasks.forgetting.translation.network import Shape

        return Shape(self.vocabulary, self.languages, self.width, self.heads, self.layers, self.length)


@dataclass(frozen=True, slots=True)
class MultilingualBudget(Budget):
    """Sizes of a tier. train, test: sentences of a language with plenty, and of each (of text on disk all are trained
    on);  vocabulary, length: tokens at most;  looks: how often the tasks' gradients are looked at, at the end and at a
    half of the steps, a quarter and so on, as gradients change most at first;  probe: sentences of each language in a
    look."""

    train: int
    test: int
    vocabulary: int
    length: int
    width: int
    heads: int
    layers: int
    steps: int
    batch_size: int
    learning_rate: float
    looks: int
    probe: int

    @property
    def look_steps(self) -> list[int]:
        """After how many steps."""
        return [max(1, self.steps // 2**halvings) for halvings in reversed(range(self.looks))]
