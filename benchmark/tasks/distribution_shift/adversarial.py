"""The track `distribution_shift.adversarial`: small perturbations, made by the method against its own network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats, wrong
from benchmark.tasks.distribution_shift.rules import (
    Labelled,
    Learner,
    ShiftBudget,
    ShiftRules,
    ShiftSetup,
    budget,
    percent,
    scores_of,
    train_and_test,
)
from benchmark.tasks.rules import Contestant, Outcome
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw

FGSM = Metric("FGSM_accuracy", "%", True, "accuracy under FGSM at the middle radius")
PGD = Metric("PGD_accuracy", "%", True, "accuracy under PGD with restarts at the middle radius")
ADVERSARIAL_LOSS = Metric("adversarial_loss", "nats", False, "mean cross-entropy under FGSM at the smallest radius")
CLEAN = Metric("clean_accuracy", "%", True, "accuracy on clean test images")
GAP = Metric("generalisation_gap", "nats", False, "mean cross-entropy on test minus training images")
CALIBRATION = Metric("calibration_error", "%", False, "expected calibration error, 15 bins")

_SLACK = 1e-5
"""By which rounding may put a perturbed pixel outside the ball."""


class AttackedLearner(Learner, Protocol):
    """What a method of `adversarial` implements."""

    def attack(self, images: Tensor, kind: str, radius: float) -> Tensor:
        """Return adversarial images (n, c, h, w) against its own network; kind: "fgsm" or "pgd"."""


@dataclass(frozen=True, slots=True)
class Plain:
    """train, test: clean data."""

    train: Labelled
    test: Labelled


class _AdversarialRules(ShiftRules):
    def prepare(self, sizes: ShiftBudget, source: Source, draw: Draw) -> Plain:
        train, test = train_and_test(source, sizes, draw)
        return Plain(train, test)

    def tell(self, sizes: ShiftBudget, data: Plain) -> dict[str, Any]:
        return {**super().tell(sizes, data), "radius": _middle(sizes)}

    def judge(self, contestant: Contestant, sizes: ShiftBudget, data: Plain, clock: Clock) -> Outcome:
        contestant.call("begin", data.train.images, data.train.labels, phase="train")
        for index in range(sizes.epochs):
            contestant.call("epoch", index, phase="train")
        clean, known = (scores_of(contestant, part, data.train) for part in (data.test, data.train))
        right = clean.argmax(1) == data.test.labels
        unmoved = _losses(clean, data.test.labels)
        rows: list[tuple[float, float, float, float]] = [
            (kind, 0.0, percent(right), float(unmoved.mean())) for kind in (0.0, 1.0)
        ]
        for kind, name, count in ((0.0, "fgsm", len(right)), (1.0, "pgd", sizes.checked)):
            part = Labelled(data.test.images[:count], data.test.labels[:count])
            for radius in sizes.levels:
                moved = _attacked(contestant, part.images, name, radius)
                scores = scores_of(contestant, Labelled(moved, part.labels), data.train)
                robust = right[:count] & (scores.argmax(1) == part.labels)
                # Without labels an attack on a wrong answer may help it. An adversary would then leave the image alone,
                # which lies in the ball, too.
                losses = _losses(scores, part.labels).maximum(unmoved[:count])
                rows.append((kind, radius, percent(robust), float(losses.mean())))
        middle = _middle(sizes)
        at = {(kind, radius): (accuracy, loss) for kind, radius, accuracy, loss in rows}
        metrics = {
            FGSM.name: FGSM.value(at[0.0, middle][0]),
            PGD.name: PGD.value(at[1.0, middle][0]),
            ADVERSARIAL_LOSS.name: ADVERSARIAL_LOSS.value(at[0.0, sizes.levels[0]][1]),
            CLEAN.name: CLEAN.value(percent(right)),
            GAP.name: GAP.value(float(unmoved.mean() - _losses(known, data.train.labels).mean())),
            CALIBRATION.name: CALIBRATION.value(_calibration_error(clean, data.test.labels)),
        }
        columns = zip(("pgd", "radius", "accuracy", "loss"), map(list, zip(*rows, strict=True)), strict=True)
        rate = len(data.train.labels) * sizes.epochs / contestant.seconds("train")
        return Outcome(metrics, {"attacks": dict(columns)}, {"training samples/s": rate})


def _attacked(contestant: Contestant, images: Tensor, kind: str, radius: float) -> Tensor:
    """Ask for adversarial images. Raises ContestantError if they are none: outside the ball, or no images."""
    moved: Tensor = contestant.call("attack", images, kind, radius, reply=Floats(*images.shape))
    farthest = float((moved - images).abs().max())
    low, high = float(moved.min()), float(moved.max())
    if farthest > radius + _SLACK or low < -_SLACK or high > 1 + _SLACK:
        raise wrong(
            "attack",
            f"moved a pixel by {farthest:.4g} into [{low:.4g}, {high:.4g}]; stay within {radius:g} and [0, 1]",
        )
    return moved


def _middle(sizes: ShiftBudget) -> float:
    return sizes.levels[len(sizes.levels) // 2]


def _calibration_error(scores: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error (%) over equal bins of confidence."""
    import torch

    confidence, answer = scores.double().softmax(1).max(1)
    right = (answer == labels).double()
    place = (confidence * bins).long().clamp_max(bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, right - confidence)
    return 100 * float(gaps.abs().sum()) / len(labels)


def _losses(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropies (n,) of scores (n, k)."""
    import torch.nn.functional as F

    return F.cross_entropy(scores.double(), labels, reduction="none")


_ATTACKED: dict[str, Any] = {"network": "convnet", "batch_size": 128, "learning_rate": 0.05, "weight_decay": 1e-4}
track: Track[AttackedLearner] = Track(
    "distribution_shift.adversarial",
    question="Few clean images to learn from; how does the network stand small perturbations made against it?",
    version=3,
    protocol=AttackedLearner,
    setup=ShiftSetup,
    metrics=(FGSM, PGD, ADVERSARIAL_LOSS, CLEAN, GAP, CALIBRATION),
    rules=_AdversarialRules(),
    tiers={
        Tier.SMOKE: budget(
            "glyphs", seconds=0.3, train=10, test=6, size=12, epochs=2, levels=(0.03,), checked=20, **_ATTACKED
        ),
        Tier.QUICK: budget(
            "symbols", seconds=2, train=50, test=50, epochs=40, levels=(0.005, 0.02), checked=100,
            **(_ATTACKED | {"batch_size": 50}),
        ),
        Tier.STANDARD: budget(
            "mnist", seconds=60, train=200, test=400, epochs=40, levels=(0.01, 0.03, 0.05, 0.1), checked=500,
            **(_ATTACKED | {"batch_size": 32}),
        ),
    },
)  # fmt: skip
