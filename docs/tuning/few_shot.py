"""Sweeps behind both tracks of `few_shot`: `python docs/tuning/few_shot.py > FILE.md`.

Seeds 100 and up, and no test image. In `extreme` episodes are drawn from training images of the target that are not
among the unlabelled ones; in `novel_classes` two of the six base members of each family stand in for novel classes, and
the backbone learns from the other four. Ten minutes on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmark import plugins
from benchmark.data.catalogue import LabelledImages, catalogue
from benchmark.data.source import Source
from benchmark.learning import pretraining
from benchmark.results.job import Tier
from benchmark.results.stats import summarise
from benchmark.seeding import Draw
from benchmark.tasks.few_shot import extreme, logistic, novel_classes
from benchmark.tasks.few_shot.extreme import TransferBudget, TransferSetup
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup
from benchmark.tasks.few_shot.rules import SHOTS, FewShotBudget, draw_episodes, recipe

SEEDS = (100, 101, 102)
RATES = (0.01, 0.03, 0.1, 0.2, 0.4)
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
STUDENTS = ("startup", "startup-no-ss", "startup-no-target", "transfer-simclr", "simclr", "pseudo-label")


@dataclass(frozen=True)
class Held:
    """What a seed offers for tuning: its data as the track prepares them, and the setup's fields."""

    data: Any
    told: dict[str, Any]


def first_of_each(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Whether an image is among the first `count` of its class: (n,) bool."""
    earlier = [int((labels[:at] == label).sum()) for at, label in enumerate(labels)]
    return torch.tensor(earlier) < count


def world(sizes: TransferBudget, seed: int) -> Held:
    """A target whose episodes come from training images."""
    draw = Draw(extreme.track.name, seed, "local", "cpu")
    source = Source.of(catalogue.find(sizes.data))
    prepared = extreme.track.rules.prepare(sizes, source, draw)
    images = source.images(
        "train", classes=list(range(source.class_count())), per_class=sizes.unlabelled + sizes.novel, size=sizes.size,
        draw=draw,
    )  # fmt: skip
    seen = first_of_each(images.labels, sizes.unlabelled)
    pool = LabelledImages(images.images[~seen], images.labels[~seen], images.classes)
    data = replace(
        prepared, unlabelled=images.images[seen], pool=pool, episodes=draw_episodes(sizes, pool, draw)
    )  # fmt: skip
    return Held(data, extreme.track.rules.tell(sizes, data))


def adapted(held: Held, method: str, seed: int, rate: float | None, options: dict[str, float]) -> torch.Tensor:
    """Features of the pool, of root mean square 1."""
    data, told = held.data, held.told | ({} if rate is None else {"learning_rate": rate})
    learner = extreme.track.classes[method](TransferSetup(seed, extreme.track.name, "cpu", **told), **options)
    base, target, pool = (
        data.recipe.standardise(images) for images in (data.base.images, data.unlabelled, data.pool.images)
    )
    learner.adapt(data.weights, base, data.base.labels, target)
    features = learner.embed(pool)
    scaled: torch.Tensor = features / features.square().mean().sqrt().clamp_min(1e-12)
    return scaled


def judged(held: Held, features: torch.Tensor, strength: float = 1.0) -> list[float]:
    """Accuracy in per cent for each number of shots."""
    found = []
    for shots in SHOTS:
        support, labels = held.data.episodes.shots(shots)
        heads = logistic.fit(features[support], labels, classes=5, strength=strength)
        right = heads.predict(features[held.data.episodes.queries]) == held.data.episodes.query_labels
        found.append(100 * float(right.double().mean()))
    return found


def families(sizes: FewShotBudget, seed: int) -> Held:
    """Base classes alone: members 4 and 5 of each family are the novel ones."""
    draw = Draw(novel_classes.track.name, seed, "local", "cpu")
    source = Source.of(catalogue.find(sizes.data))
    known = [at for at, name in enumerate(source.classes()) if name.startswith("base/") and name[-1] < "4"]
    new = [at for at, name in enumerate(source.classes()) if name.startswith("base/") and name[-1] >= "4"]
    base = source.images("train", classes=known, per_class=sizes.base, size=sizes.size, draw=draw)
    pool = source.images("train", classes=new, per_class=sizes.novel, size=sizes.size, draw=draw)
    plan = recipe(sizes, base, seed)
    weights = pretraining.pretrained(plan, base, device="cpu")
    seen, unseen = (pretraining.features(plan, weights, part.images, device="cpu") for part in (base, pool))
    scale = seen.square().mean().sqrt()
    data = novel_classes.NovelClasses(
        seen / scale, base.labels, unseen / scale, draw_episodes(sizes, pool, draw), drawn=True
    )
    return Held(data, novel_classes.track.rules.tell(sizes, data))


def classified(held: Held, method: str, seed: int, options: dict[str, Any]) -> list[float]:
    """Accuracy in per cent for each number of shots."""
    data = held.data
    learner = novel_classes.track.classes[method](
        EpisodeSetup(seed, novel_classes.track.name, "cpu", **held.told), **options
    )
    learner.observe(data.base, data.base_labels)
    found = []
    for shots in SHOTS:
        support, labels = data.episodes.shots(shots)
        answers = learner.classify(data.novel[support], labels, data.novel[data.episodes.queries])
        found.append(100 * float((answers == data.episodes.query_labels).double().mean()))
    return found


def table(title: str, rows: Iterator[tuple[str, str, list[list[float]]]]) -> None:
    """Print a table of (method, setting, values per seed and number of shots)."""
    print(f"\n## {title}\n\n| method | setting | 1 shot | 5 shots | mean |\n|---|---|--:|--:|--:|")
    for method, setting, values in rows:
        columns = [summarise([value[column] for value in values]).mean for column in range(len(SHOTS))]
        cells = [f"{value:.1f}" for value in (*columns, sum(columns) / len(columns))]
        print(f"| {method} | {setting} | {' | '.join(cells)} |", flush=True)


def students(worlds: dict[int, Held]) -> Iterator[tuple[str, str, list[list[float]]]]:
    """Rates of all that train, and the weight of pseudo-labels."""
    for method in STUDENTS:
        for rate in RATES:
            own = {"learning_rate": rate} if method == "simclr" else {}
            runs = [judged(held, adapted(held, method, seed, rate, own)) for seed, held in worlds.items()]
            yield method, f"learning_rate {rate:g}", runs
    for weight in (0.03, 0.1, 0.3, 1.0, 3.0):
        chosen: dict[str, float] = {"weight": weight}
        runs = [judged(held, adapted(held, "pseudo-label", seed, None, chosen)) for seed, held in worlds.items()]
        yield "pseudo-label", f"weight {weight:g}", runs


def heads(worlds: dict[int, Held]) -> Iterator[tuple[str, str, list[list[float]]]]:
    """C of the judge's head."""
    for method in ("transfer", "target-statistics", "startup-no-ss", "startup"):
        features = {seed: adapted(held, method, seed, None, {}) for seed, held in worlds.items()}
        for strength in STRENGTHS:
            yield method, f"C {strength:g}", [judged(held, features[seed], strength) for seed, held in worlds.items()]


def classifiers(worlds: dict[int, Held], grids: Sequence[tuple[str, str, Sequence[float]]]) -> Iterator[Any]:
    """One hyperparameter of a method after the other."""
    for method, option, values in grids:
        for value in values:
            runs = [classified(held, method, seed, {option: value}) for seed, held in worlds.items()]
            yield method, f"{option} {value:g}", runs


def main() -> None:
    """Print all tables."""
    torch.set_num_threads(1)
    assert plugins.load_datasets() + plugins.load_methods() == []
    print(
        "# Tuning of `few_shot`\n\nMade by `python docs/tuning/few_shot.py`: mean accuracy in per cent over the seeds"
    )
    print(f"{', '.join(map(str, SEEDS))} of the quick tier, on no test image. What counts is the last column, the mean")
    print("of both numbers of shots; five values of each hyperparameter.")
    sizes: Any = novel_classes.track.tiers[Tier.QUICK]
    held = {seed: families(sizes, seed) for seed in SEEDS}
    baselines = [(name, "strength", STRENGTHS) for name in ("lr", "lr-l2", "lr-tukey", "dc-consistent")]
    table("novel_classes: C of logistic regression, neighbours", classifiers(
        held, [*baselines, ("knn", "neighbours", (1, 2, 3, 4, 5))]
    ))  # fmt: skip
    released = [("dc", "strength", STRENGTHS), ("dc", "spread", (0.0, 0.05, 0.21, 0.5, 1.0))]
    table("novel_classes: what the released values of `dc` leave, for information", classifiers(held, released))
    sizes = extreme.track.tiers[Tier.QUICK]
    held = {seed: world(sizes, seed) for seed in SEEDS}
    table("extreme: students", students(held))
    table("extreme: the judge's head", heads(held))


if __name__ == "__main__":
    main()
