"""The track `long_sequence.recall`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats
from benchmark.tasks.long_sequence import exercises
from benchmark.tasks.long_sequence.exercises import DATASET, EXERCISES, PIXELS, RECALL, Exercise
from benchmark.tasks.rules import Budget, Outcome, Rules, Setup
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw
    from benchmark.tasks.long_sequence.transformer import Attention, SequenceClassifier
    from benchmark.tasks.rules import Contestant

NAME = "long_sequence.recall"

ACCURACY = Metric("accuracy", "%", True, "of test sequences; mean over the exercises")
BY_EXERCISE = {
    RECALL: Metric(
        "recall_accuracy", "%", True, "which value came with a key; mean over numbers of pairs; a guess: 10 %"
    ),
    PIXELS: Metric(
        "pixels_accuracy", "%", True, "which of ten things an image shows, read pixel by pixel; a guess: 10 %"
    ),
}
LADDER = "ladder"
"""The curve of accuracy in the end by number of pairs."""


class Reader(Protocol):
    """What a method of `recall` implements. Built once per job as `Method(setup)`."""

    def begin(self, exercise: str) -> None:
        """Start an exercise anew, from the setup's initial weights."""

    def learn(self, tokens: Tensor, labels: Tensor) -> None:
        """Train on minibatches, one after the other as they come.

        tokens: (batches * batch_size, length, fields), uint8 or int64, of a length up to the exercise's longest;
        labels: (batches * batch_size,) int64
        """

    def classify(self, tokens: Tensor) -> Tensor:
        """Scores (n, classes) of tokens (n, length, fields), each sequence by itself."""


@dataclass(frozen=True, slots=True)
class RecallSetup(Setup):
    """What the contestant is told: the network, the size of minibatches, the highest learning rate; and of each
    exercise in `EXERCISES` the number of values of each field, the length of its longest sequences, the classes, the
    steps in all, and two sizes of initial weights (see `SequenceClassifier`)."""

    width: int
    heads: int
    layers: int
    batch_size: int
    learning_rate: float
    fields: tuple[tuple[int, ...], ...]
    lengths: tuple[int, ...]
    classes: tuple[int, ...]
    steps: tuple[int, ...]
    query_sizes: tuple[float, ...]
    place_sizes: tuple[float, ...]

    @property
    def dim(self) -> int:
        """Of a head."""
        return self.width // self.heads

    def length_of(self, exercise: str) -> int:
        """Tokens of its longest sequences."""
        return self.lengths[EXERCISES.index(exercise)]

    def steps_of(self, exercise: str) -> int:
        """Minibatches that come in all."""
        return self.steps[EXERCISES.index(exercise)]

    def model(self, exercise: str, attention: Callable[[int], Attention]) -> SequenceClassifier:
        """The standard network with that attention by layer, on the setup's device. Initial weights are the same for
        all methods, but for the attentions' own."""
        from benchmark.tasks.long_sequence.transformer import SequenceClassifier

        place = EXERCISES.index(exercise)
        model = SequenceClassifier(
            attention,
            fields=self.fields[place],
            length=self.lengths[place],
            classes=self.classes[place],
            width=self.width,
            heads=self.heads,
            layers=self.layers,
            query_size=self.query_sizes[place],
            place_size=self.place_sizes[place],
            generator=self.generator(exercise, "weights"),
        )
        return model.to(self.device)


@dataclass(frozen=True, slots=True)
class RecallBudget(Budget):
    """Sizes of a tier. pairs: the rungs of the ladder, rising;  side: of images, in pixels;  levels: of grey;  images:
    of each class to train on, None for all;  trips: parts of the training of each exercise, after each of which
    accuracy is taken, the last time at the end;  bout: steps on a rung in each of them, by exercise;  query_sizes,
    place_sizes: see the setup;  test: sequences scored per exercise and rung, of which `glance` before the end."""

    width: int
    heads: int
    layers: int
    batch_size: int
    learning_rate: float
    pairs: tuple[int, ...]
    side: int
    levels: int
    images: int | None
    trips: int
    bout: tuple[int, int]
    query_sizes: tuple[float, float]
    place_sizes: tuple[float, float]
    test: int
    glance: int

    @property
    def steps(self) -> tuple[int, int]:
        """Of each exercise in all."""
        return self.trips * self.bout[0] * len(self.pairs), self.trips * self.bout[1]


Found = dict[str, Exercise]
"""By the names in `EXERCISES`."""


class _RecallRules(Rules):
    def needs(self, sizes: RecallBudget) -> tuple[str, ...]:
        return (DATASET,)

    def prepare(self, sizes: RecallBudget, source: Source, draw: Draw) -> Found:
        return {
            RECALL: exercises.recalled(sizes.pairs, test=sizes.test, draw=draw),
            PIXELS: exercises.pixels(
                source, side=sizes.side, levels=sizes.levels, images=sizes.images, test=sizes.test, draw=draw
            ),
        }

    def tell(self, sizes: RecallBudget, data: Found) -> dict[str, Any]:
        return {
            "width": sizes.width,
            "heads": sizes.heads,
            "layers": sizes.layers,
            "batch_size": sizes.batch_size,
            "learning_rate": sizes.learning_rate,
            "fields": tuple(data[name].fields for name in EXERCISES),
            "lengths": tuple(data[name].length for name in EXERCISES),
            "classes": tuple(data[name].classes for name in EXERCISES),
            "steps": sizes.steps,
            "query_sizes": sizes.query_sizes,
            "place_sizes": sizes.place_sizes,
        }

    def judge(self, contestant: Contestant, sizes: RecallBudget, data: Found, clock: Clock) -> Outcome:
        final: dict[str, list[float]] = {}
        curves, tokens = {}, 0
        for name, bout in zip(EXERCISES, sizes.bout, strict=True):
            exercise = data[name]
            contestant.call("begin", name, phase="train")
            curve: dict[str, list[float]] = {"step": [], "accuracy": []}
            for trip, rung in itertools.product(range(sizes.trips), range(len(exercise.tests))):
                with clock.running("data"):
                    seen = exercise.draw(rung, trip * bout * sizes.batch_size, bout * sizes.batch_size)
                contestant.call("learn", seen.tokens, seen.labels, phase="train")
                tokens += seen.tokens.shape[:2].numel()
                if rung < len(exercise.tests) - 1:
                    continue
                count = sizes.test if trip == sizes.trips - 1 else sizes.glance
                final[name] = [_accuracy(contestant, exercise, place, count) for place in range(rung + 1)]
                curve["step"].append(float((trip + 1) * bout * (rung + 1)))
                curve["accuracy"].append(statistics.fmean(final[name]))
            curves[name] = curve
        curves[LADDER] = {"pairs": [float(count) for count in sizes.pairs], "accuracy": final[RECALL]}
        values = [statistics.fmean(final[name]) for name in EXERCISES]
        metrics = {ACCURACY.name: ACCURACY.value(statistics.fmean(values), raw=values, per="exercise")}
        metrics |= {BY_EXERCISE[PIXELS].name: BY_EXERCISE[PIXELS].value(final[PIXELS][0])}
        metrics |= {BY_EXERCISE[RECALL].name: BY_EXERCISE[RECALL].value(values[0], raw=final[RECALL], per="pairs")}
        rates = {"training tokens/s": tokens / contestant.seconds("train")}
        names = {"exercise": list(EXERCISES), "pairs": [str(count) for count in sizes.pairs]}
        return Outcome(metrics, curves, rates, names=names)


def _accuracy(contestant: Contestant, exercise: Exercise, rung: int, count: int) -> float:
    """Accuracy (%) on the first test sequences of a rung, up to `count`."""
    tokens, labels = exercise.tests[rung].tokens[:count], exercise.tests[rung].labels[:count]
    scores = contestant.call("classify", tokens, reply=Floats(len(tokens), exercise.classes))
    return 100 * float((scores.argmax(1) == labels).double().mean())


_QUERY_SIZES, _PLACE_SIZES = (1.0, 0.5), (0.2, 1.0)
"""A key is found by its like, and the order of pairs says nothing; of pixels, place is half of what a token says."""


def _budget(data: str, *, seconds: float, **sizes: Any) -> RecallBudget:
    defaults: dict[str, Any] = {
        "width": 32, "heads": 2, "layers": 1, "batch_size": 32, "learning_rate": 2e-2, "levels": 16,
        "query_sizes": _QUERY_SIZES, "place_sizes": _PLACE_SIZES,
    }  # fmt: skip
    return RecallBudget(data, seconds, **(defaults | sizes))


track: Track[Reader] = Track(
    NAME,
    question="What does the same small Transformer learn with each attention, where answers hang on far tokens?",
    version=2,
    protocol=Reader,
    setup=RecallSetup,
    metrics=(ACCURACY, *BY_EXERCISE.values()),
    rules=_RecallRules(),
    tiers={
        Tier.SMOKE: _budget(
            "glyphs", seconds=0.5, width=8, batch_size=8, pairs=(3, 6), side=4, images=4, trips=2, bout=(1, 2),
            test=20, glance=10,
        ),
        Tier.QUICK: _budget(
            "glyphs", seconds=1.5, pairs=(8, 16, 32), side=6, levels=4, images=100, trips=4, bout=(8, 25), test=500,
            glance=100,
        ),
        Tier.STANDARD: _budget(
            "cifar10", seconds=7200, width=64, layers=2, learning_rate=1e-3, pairs=(64, 256, 1023), side=32, levels=128,
            images=None, trips=20, bout=(84, 250), test=2000, glance=500,
        ),
    },
)  # fmt: skip
