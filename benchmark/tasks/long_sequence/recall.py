"""The track `long_sequence.recall`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats
from benchmark.tasks.long_sequence import exercises
from benchmark.tasks.long_sequence.exercises import DRAWN, EXERCISES, PIXELS, Exercise
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
    "recall": Metric("recall_accuracy", "%", True, "which value came with a key, among many pairs; a guess: 10 %"),
    "lists": Metric("lists_accuracy", "%", True, "the value of nested list operations; a guess: 10 %"),
    PIXELS: Metric(
        "pixels_accuracy", "%", True, "which of ten things an image shows, read pixel by pixel; a guess: 10 %"
    ),
}


class Reader(Protocol):
    """What a method of `recall` implements. Built once per job as `Method(setup)`."""

    def begin(self, exercise: str) -> None:
        """Start an exercise anew, from the setup's initial weights."""

    def learn(self, tokens: Tensor, labels: Tensor) -> None:
        """Train on minibatches, one after the other as they come.

        tokens: (batches * batch_size, length, fields), uint8 or int64;  labels: (batches * batch_size,) int64
        """

    def classify(self, tokens: Tensor) -> Tensor:
        """Scores (n, classes) of tokens (n, length, fields), each sequence by itself."""


@dataclass(frozen=True, slots=True)
class RecallSetup(Setup):
    """What the contestant is told: the network, the size of minibatches, the highest learning rate; and of each
    exercise in `EXERCISES` the number of values of each field, the length of its sequences, the classes, the steps in
    all, and two sizes of initial weights (see `SequenceClassifier`)."""

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
        """Tokens of a sequence."""
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
    """Sizes of a tier. lengths: of the drawn exercises' sequences;  side: of images, in pixels;  levels: of grey;
    images: of each class to train on, None for all;  steps, query_sizes, place_sizes: see the setup;  watched: how
    often accuracy is taken, the last time at the end;  test: sequences per exercise, of which `glance` are taken before
    the end."""

    width: int
    heads: int
    layers: int
    batch_size: int
    learning_rate: float
    lengths: tuple[int, int]
    side: int
    levels: int
    images: int | None
    steps: tuple[int, int, int]
    query_sizes: tuple[float, float, float]
    place_sizes: tuple[float, float, float]
    watched: int
    test: int
    glance: int


Found = dict[str, Exercise]
"""By the names in `EXERCISES`."""


class _RecallRules(Rules):
    def needs(self, sizes: RecallBudget) -> tuple[str, ...]:
        return tuple(DRAWN.values())

    def prepare(self, sizes: RecallBudget, source: Source, draw: Draw) -> Found:
        found = {
            name: exercises.drawn(name, length=length, test=sizes.test, draw=draw)
            for name, length in zip(DRAWN, sizes.lengths, strict=True)
        }
        found[PIXELS] = exercises.pixels(
            source, side=sizes.side, levels=sizes.levels, images=sizes.images, test=sizes.test, draw=draw
        )
        return found

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
        final, curves, tokens = {}, {}, 0
        for name, steps in zip(EXERCISES, sizes.steps, strict=True):
            exercise = data[name]
            contestant.call("begin", name, phase="train")
            ends = [round(steps * part / sizes.watched) for part in range(sizes.watched + 1)]
            curve: dict[str, list[float]] = {"step": [], "accuracy": []}
            for start, end in itertools.pairwise(ends):
                with clock.running("data"):
                    seen = exercise.draw(start * sizes.batch_size, (end - start) * sizes.batch_size)
                contestant.call("learn", seen.tokens, seen.labels, phase="train")
                tokens += len(seen.labels) * exercise.length
                curve["step"].append(float(end))
                count = sizes.test if end == steps else sizes.glance
                curve["accuracy"].append(_accuracy(contestant, exercise, count))
            curves[name], final[name] = curve, curve["accuracy"][-1]
        values = list(final.values())
        metrics = {ACCURACY.name: ACCURACY.value(sum(values) / len(values), raw=values, per="exercise")}
        metrics |= {metric.name: metric.value(final[name]) for name, metric in BY_EXERCISE.items()}
        rates = {"training tokens/s": tokens / contestant.seconds("train")}
        return Outcome(metrics, curves, rates, names={"exercise": list(EXERCISES)})


def _accuracy(contestant: Contestant, exercise: Exercise, count: int) -> float:
    """Accuracy (%) on the first test sequences, up to `count`."""
    tokens, labels = exercise.test.tokens[:count], exercise.test.labels[:count]
    scores = contestant.call("classify", tokens, reply=Floats(len(tokens), exercise.classes))
    return 100 * float((scores.argmax(1) == labels).double().mean())


_QUERY_SIZES, _PLACE_SIZES = (1.0, 0.5, 0.5), (0.2, 1.0, 1.0)
"""A key is found by its like, and the order of pairs says nothing; elsewhere, place is half of what a token says."""


def _budget(data: str, *, seconds: float, **sizes: Any) -> RecallBudget:
    defaults: dict[str, Any] = {
        "width": 64, "heads": 2, "layers": 2, "batch_size": 8, "levels": 16, "query_sizes": _QUERY_SIZES,
        "place_sizes": _PLACE_SIZES,
    }  # fmt: skip
    return RecallBudget(data, seconds, **(defaults | sizes))


track: Track[Reader] = Track(
    NAME,
    question="What does the same small Transformer learn with each attention, where answers hang on far tokens?",
    version=1,
    protocol=Reader,
    setup=RecallSetup,
    metrics=(ACCURACY, *BY_EXERCISE.values()),
    rules=_RecallRules(),
    tiers={
        Tier.SMOKE: _budget(
            "glyphs", seconds=1, width=16, learning_rate=3e-3, lengths=(24, 24), side=6, images=8,
            steps=(4, 4, 4), watched=2, test=40, glance=20,
        ),
        Tier.QUICK: _budget(
            "glyphs", seconds=15, learning_rate=3e-3, lengths=(128, 64), side=12, images=250, steps=(280, 400, 280),
            watched=4, test=600, glance=150,
        ),
        Tier.STANDARD: _budget(
            "cifar10", seconds=7200, batch_size=32, learning_rate=1e-3, lengths=(1024, 1024), side=32, levels=128,
            images=None, steps=(5000, 5000, 5000), watched=20, test=2000, glance=500,
        ),
    },
)  # fmt: skip
