"""The track `distribution_shift.spurious`: colours that give the class away in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.tasks.answers import Classes
from benchmark.tasks.distribution_shift.rules import (
    Labelled,
    Learner,
    ShiftBudget,
    ShiftRules,
    ShiftSetup,
    budget,
    percent,
    scores_of,
    shapes,
)
from benchmark.tasks.rules import Contestant, Outcome
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw

SWAPPED = Metric("swapped_colours", "%", True, "accuracy where each shape has another class's colour")
WORST = Metric("worst_group", "%", True, "least accuracy of a class in its own colour, or in others of training")
IN_DISTRIBUTION = Metric("in_distribution", "%", True, "accuracy under the training scheme")
NEW_COLOURS = Metric("new_colours", "%", True, "accuracy in colours never seen")
ANOMALY = Metric("anomaly_AP", "%", True, "average precision of finding shapes of an unseen class among new colours")
PRECISION = Metric("group_precision", "%", True, "share of the inferred minority that is one")
RECALL = Metric("group_recall", "%", True, "share of the true minority that was inferred")

BIAS = 0.8


class GroupLearner(Learner, Protocol):
    """What a method of `spurious` implements."""

    def reveal(self, groups: Tensor) -> None:
        """Called on references only, after `begin`: the true groups (n,) int64, 1 for the minority."""

    def groups(self) -> Tensor:
        """Return the groups that were inferred, (n,) int64 in {0, 1}; none, (0,), if the method has no use for them."""


@dataclass(frozen=True, slots=True)
class Coloured:
    """Training images with their groups, and the tests by name.

    "own_colours" and "other_colours" are the training's two groups, each with all test images; labels in "unseen_class"
    are of no class.
    """

    train: Labelled
    groups: Tensor
    tests: dict[str, Labelled]


class _SpuriousRules(ShiftRules):
    def prepare(self, sizes: ShiftBudget, source: Source, draw: Draw) -> Coloured:
        from benchmark.tasks.distribution_shift import colouring

        if source.class_count() < 3:
            raise DataError(f"dataset {source.entry.name!r} has {source.class_count()} classes; colours need 3 or more")
        count = min(source.class_count(), 10) - 1  # class 0 is never seen, as digit 0 in the paper
        colours = colouring.palette(count)
        classes = list(range(1, count + 1))
        train = shapes(source, sizes, "train", classes=classes, count=sizes.train, draw=draw)
        test = shapes(source, sizes, "test", classes=classes, count=sizes.test, draw=draw)
        unseen = shapes(source, sizes, "test", classes=[0], count=sizes.test, draw=draw)
        rng = draw.generator("train")
        chosen, groups = colouring.biased(train.labels, colours, bias=BIAS, rng=rng)
        rng = draw.secret("test")
        count = len(test.labels)
        others = colouring.drawn(colours.unbiasing, count, rng=rng)
        new = colouring.drawn(colours.new, count, rng=rng)
        swapped = colouring.swapped(test.labels, colours, rng=rng)
        strange = colouring.drawn(colours.bias, len(unseen.labels), rng=rng)
        look = colouring.coloured if train.images.shape[1] == 1 else colouring.grounded
        tests = {
            "own_colours": Labelled(look(test.images, colours.bias[test.labels]), test.labels),
            "other_colours": Labelled(look(test.images, others), test.labels),
            "new_colours": Labelled(look(test.images, new), test.labels),
            "swapped_colours": Labelled(look(test.images, swapped), test.labels),
            "unseen_class": Labelled(look(unseen.images, strange), unseen.labels),
        }
        return Coloured(Labelled(look(train.images, chosen), train.labels), groups, tests)

    def judge(self, contestant: Contestant, sizes: ShiftBudget, data: Coloured, clock: Clock) -> Outcome:
        contestant.call("begin", data.train.images, data.train.labels, phase="train")
        if contestant.reference:
            contestant.call("reveal", data.groups, phase="train")
        for index in range(sizes.epochs):
            contestant.call("epoch", index, phase="train")
        scores = {name: scores_of(contestant, test, data.train) for name, test in data.tests.items()}
        right = {
            name: scores[name].argmax(1) == test.labels for name, test in data.tests.items() if name != "unseen_class"
        }
        own, other = (percent(right[name]) for name in ("own_colours", "other_colours"))
        groups = [
            percent(right[name][data.tests[name].labels == label])
            for name in ("own_colours", "other_colours")
            for label in range(scores[name].shape[1])
        ]
        metrics = {
            SWAPPED.name: SWAPPED.value(percent(right["swapped_colours"])),
            WORST.name: WORST.value(min(groups), raw=groups, per="class and group"),
            IN_DISTRIBUTION.name: IN_DISTRIBUTION.value(BIAS * own + (1 - BIAS) * other),
            NEW_COLOURS.name: NEW_COLOURS.value(percent(right["new_colours"])),
        }
        metrics[ANOMALY.name] = ANOMALY.value(_anomaly(scores["unseen_class"], scores["new_colours"]))
        found = contestant.call("groups", reply=_Groups(len(data.groups)))
        if found is not None:
            both = float(((found == 1) & (data.groups == 1)).sum())
            metrics[PRECISION.name] = PRECISION.value(100 * both / max(1.0, float((found == 1).sum())))
            metrics[RECALL.name] = RECALL.value(100 * both / max(1.0, float((data.groups == 1).sum())))
        rate = len(data.train.labels) * sizes.epochs / contestant.seconds("train")
        return Outcome(metrics, {}, {"training samples/s": rate})


class _Groups(Classes):
    """Groups (n,) in {0, 1}, or none, an empty tensor, read as None."""

    def __init__(self, count: int) -> None:
        super().__init__(2, count)

    def read(self, answer: Any, call: str) -> Tensor | None:  # type: ignore[override]
        import torch

        if isinstance(answer, torch.Tensor) and not answer.numel():
            return None
        return super().read(answer, call)


def _anomaly(unseen: Tensor, known: Tensor) -> float:
    """Average precision (%) of finding unseen classes by a small largest probability: the mean, over unseen examples,
    of the precision among all that look as strange or stranger."""
    import torch

    strangeness = torch.cat([-part.double().softmax(1).amax(1) for part in (unseen, known)])
    is_unseen = torch.cat([torch.ones(len(unseen)), torch.zeros(len(known))]).double()
    ordered, order = strangeness.sort(descending=True)
    found = is_unseen[order].cumsum(0)
    # Equal scores are taken together: precision after the last of them.
    last = torch.searchsorted(-ordered, -ordered, right=True) - 1
    precision = found[last] / (last + 1).double()
    return 100 * float((precision * is_unseen[order]).sum() / is_unseen.sum())


_SPURIOUS: dict[str, Any] = {
    "network": "batchnorm", "learning_rate": 0.1, "weight_decay": 1e-4, "decay": "steps",
}  # fmt: skip
track: Track[GroupLearner] = Track(
    "distribution_shift.spurious",
    question="Colour gives the class away in training; who recognises the shape when the colours are swapped?",
    version=2,
    protocol=GroupLearner,
    setup=ShiftSetup,
    metrics=(SWAPPED, WORST, IN_DISTRIBUTION, NEW_COLOURS, ANOMALY, PRECISION, RECALL),
    rules=_SpuriousRules(),
    tiers={
        Tier.SMOKE: budget("glyphs", seconds=0.3, train=12, test=6, size=8, epochs=2, batch_size=36, **_SPURIOUS),
        Tier.QUICK: budget(
            "glyphs",
            seconds=2,
            train=250,
            test=60,
            size=10,
            epochs=12,
            batch_size=64,
            **(_SPURIOUS | {"learning_rate": 0.05}),
        ),
        Tier.STANDARD: budget(
            "mnist",
            seconds=30,
            train=2000,
            test=800,
            coarse=14,
            epochs=10,
            batch_size=256,
            **(_SPURIOUS | {"learning_rate": 0.05}),  # half of the paper's, as are the minibatches
        ),
    },
)
