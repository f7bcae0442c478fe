"""The track `distribution_shift.label_noise`: a share of the training labels is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats
from benchmark.tasks.distribution_shift.rules import (
    Labelled,
    Learner,
    ShiftBudget,
    ShiftRules,
    ShiftSetup,
    accuracy,
    budget,
    mean,
    scores_of,
    train_and_test,
)
from benchmark.tasks.rules import Contestant, Outcome
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw

FINAL = Metric("final_accuracy", "%", True, "clean test accuracy after the last epoch, mean over noise levels")
BEST = Metric("best_accuracy", "%", True, "clean test accuracy at the best epoch, mean over noise levels")
FITTED = Metric("noise_fitted", "%", False, "share of the wrong training labels that the network answers with")


class NoiseLearner(Learner, Protocol):
    """What a method of `label_noise` implements."""

    def loss_along(self, distances: Tensor) -> Tensor:
        """Return the training loss (k,) at weights moved by distances (k,) along one random direction."""


@dataclass(frozen=True, slots=True)
class Noisy:
    """Clean data, and for each noise level the labels that training sees."""

    train: Labelled
    test: Labelled
    seen: tuple[Tensor, ...]


class _LabelNoiseRules(ShiftRules):
    def prepare(self, sizes: ShiftBudget, source: Source, draw: Draw) -> Noisy:
        train, test = train_and_test(source, sizes, draw)
        seen = tuple(_corrupted(train.labels, level, draw.generator("noise")) for level in sizes.levels)
        return Noisy(train, test, seen)

    def judge(self, contestant: Contestant, sizes: ShiftBudget, data: Noisy, clock: Clock) -> Outcome:
        import torch

        rows: list[tuple[float, ...]] = []
        fitted: list[float] = []
        line: dict[str, list[float]] = {"noise": [], "distance": [], "loss": []}
        distances = torch.linspace(-1, 1, 21)
        for level, seen in zip(sizes.levels, data.seen, strict=True):
            contestant.call("begin", data.train.images, seen, phase="train")
            for index in range(sizes.epochs):
                contestant.call("epoch", index, phase="train")
                if index % sizes.every == sizes.every - 1 or index == sizes.epochs - 1:
                    scores = scores_of(contestant, data.test, data.train)
                    rows.append((level, float(index + 1), accuracy(scores, data.test.labels)))
            wrong = seen != data.train.labels
            if bool(wrong.any()):
                answer = scores_of(contestant, data.train, data.train).argmax(1)
                fitted.append(100 * float((answer == seen)[wrong].double().mean()))
            losses = contestant.call("loss_along", distances, reply=Floats(len(distances)))
            for column, values in (
                ("noise", [level] * len(losses)),
                ("distance", distances.tolist()),
                ("loss", losses),
            ):
                line[column] += [round(float(value), 5) for value in values]
        final = [next(row[2] for row in reversed(rows) if row[0] == level) for level in sizes.levels]
        best = [max(row[2] for row in rows if row[0] == level) for level in sizes.levels]
        metrics = {
            FINAL.name: FINAL.value(mean(final), raw=final, per="noise level"),
            BEST.name: BEST.value(mean(best), raw=best, per="noise level"),
            FITTED.name: FITTED.value(mean(fitted) if fitted else 0.0, raw=fitted, per="noise level"),
        }
        columns = zip(("noise", "epoch", "accuracy"), map(list, zip(*rows, strict=True)), strict=True)
        samples = len(data.train.labels) * sizes.epochs * len(sizes.levels)
        rate = samples / contestant.seconds("train")
        return Outcome(metrics, {"accuracy": dict(columns), "loss_line": line}, {"training samples/s": rate})


def _corrupted(labels: Tensor, level: float, rng: torch.Generator) -> Tensor:
    """Replace a share of the labels by another class, uniformly; higher levels replace what lower ones do, and more."""
    import torch

    classes = int(labels.max()) + 1
    order = torch.randperm(len(labels), generator=rng)
    shift = torch.randint(1, classes, (len(labels),), generator=rng)
    chosen = order[: round(level * len(labels))]
    seen = labels.clone()
    seen[chosen] = (labels[chosen] + shift[chosen]) % classes
    return seen


_NOISE: dict[str, Any] = {"network": "mlp", "batch_size": 128, "learning_rate": 0.05, "levels": (0.0, 0.2, 0.4, 0.6)}
track: Track[NoiseLearner] = Track(
    "distribution_shift.label_noise",
    question="Up to 60 % of the training labels are wrong; who learns the right ones, and does not learn the wrong?",
    version=2,
    protocol=NoiseLearner,
    setup=ShiftSetup,
    metrics=(FINAL, BEST, FITTED),
    rules=_LabelNoiseRules(),
    tiers={
        Tier.SMOKE: budget("glyphs", seconds=0.3, train=10, test=6, size=12, epochs=2, **(_NOISE | {"levels": (0.4,)})),
        Tier.QUICK: budget(
            "glyphs", seconds=2, train=200, test=100, size=12, epochs=40, every=4, **(_NOISE | {"levels": (0.0, 0.4)})
        ),
        Tier.STANDARD: budget("mnist", seconds=60, train=500, test=800, epochs=40, every=2, **_NOISE),
    },
)
