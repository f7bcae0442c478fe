"""What both tracks of `few_shot` share: sizes, the backbone's recipe, episodes and their score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.results.stats import summarise
from benchmark.tasks.rules import Budget, Outcome
from benchmark.tasks.track import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import LabelledImages
    from benchmark.learning.pretraining import ClassifierRecipe
    from benchmark.seeding import Draw
    from benchmark.tasks.few_shot.episodes import Episodes

SHOTS = (1, 5)
ONE_SHOT = Metric("accuracy_1_shot", "%", True, "mean accuracy over episodes with one labelled image per class")
FIVE_SHOT = Metric("accuracy_5_shot", "%", True, "mean accuracy over episodes with five labelled images per class")
METRICS = (ONE_SHOT, FIVE_SHOT)

SIZES: dict[str, Any] = {
    "base": None, "novel": None, "size": 16, "widths": (16, 32, 32, 64), "batch_size": 64, "learning_rate": 3e-3,
    "augment": False, "ways": 5, "queries": 15, "episodes": 600,
}  # fmt: skip
"""Of both tracks, unless a tier says otherwise: a small Conv-4."""


@dataclass(frozen=True, slots=True)
class FewShotBudget(Budget):
    """Sizes of a tier. base, novel: images per class for training and for episodes (None: all there are);  size: of
    drawn images;  widths ... augment: how the backbone is trained;  queries: per class."""

    base: int | None
    novel: int | None
    size: int
    widths: tuple[int, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    augment: bool
    ways: int
    queries: int
    episodes: int


def recipe(sizes: FewShotBudget, base: LabelledImages, seed: int) -> ClassifierRecipe:
    """How the backbone is trained on base images."""
    from benchmark.learning.pretraining import ClassifierRecipe

    return ClassifierRecipe.of(
        base,
        seed=seed,
        widths=sizes.widths,
        epochs=sizes.epochs,
        batch_size=sizes.batch_size,
        learning_rate=sizes.learning_rate,
        augment=sizes.augment,
    )


def draw_episodes(sizes: FewShotBudget, pool: LabelledImages, draw: Draw) -> Episodes:
    """Episodes on a pool of images, which no contestant can foresee."""
    from benchmark.tasks.few_shot import episodes

    return episodes.draw(
        pool.labels,
        episodes=sizes.episodes,
        ways=sizes.ways,
        shots=max(SHOTS),
        queries=sizes.queries,
        generator=draw.secret("episodes"),
    )


def score(right: dict[int, Tensor], rates: dict[str, float], curves: dict[str, dict[str, list[float]]]) -> Outcome:
    """Metrics of right answers (E, Q) per number of shots."""
    metrics = {}
    shots_curve: dict[str, list[float]] = {"shots": [], "accuracy": [], "half_width_95": []}
    for metric, (shots, answers) in zip(METRICS, right.items(), strict=True):
        accuracies = answers.double().mean(1) * 100
        mean = float(accuracies.mean())
        metrics[metric.name] = metric.value(mean, raw=[round(value, 4) for value in accuracies.tolist()], per="episode")
        half = summarise(accuracies.tolist()).half_width or 0.0
        for column, value in (("shots", shots), ("accuracy", mean), ("half_width_95", half)):
            shots_curve[column].append(float(value))
    return Outcome(metrics=metrics, curves={"shots": shots_curve, **curves}, rates=rates)
