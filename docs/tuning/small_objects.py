"""Sweeps and side experiments behind `small_objects.padding`: `python docs/tuning/small_objects.py > FILE.md`.

Seeds 100 and up, and no test image: scenes of other seeds, and for photographs a fifth of the training images, drawn by
the seed, which the detector does not see. Half an hour on one core; needs the blood cells under HEPTATHLON_DATA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmark import plugins
from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.results.stats import summarise
from benchmark.seeding import Draw
from benchmark.tasks.small_objects import pyramid, scoring
from benchmark.tasks.small_objects.padding import track
from benchmark.tasks.small_objects.rules import Found, PaddingBudget, PaddingSetup

SEEDS = (100, 101, 102)
COLUMNS = ("AP small", "AP", "AP50", "AP small border", "recall border", "blind spot")


@dataclass(frozen=True)
class Trial:
    """What is trained: a tier with changes, in a setting, on a dataset."""

    methods: tuple[str, ...]
    tier: Tier = Tier.QUICK
    setting: str = "middle"
    changes: tuple[tuple[str, Any], ...] = ()
    seeds: tuple[int, ...] = SEEDS


def part(images: BoxedImages, chosen: torch.Tensor) -> BoxedImages:
    """Some of the images with their boxes."""
    starts = images.counts.cumsum(0) - images.counts
    things = torch.cat([torch.arange(int(images.counts[at])) + starts[at] for at in chosen.tolist()])
    return replace(
        images, images=images.images[chosen], counts=images.counts[chosen], boxes=images.boxes[things],
        labels=images.labels[things], ignored=images.ignored[things],
    )  # fmt: skip


def data(sizes: PaddingBudget, seed: int, size: tuple[int, int], setting: str) -> tuple[BoxedImages, BoxedImages]:
    """What is learned from and what is looked at."""
    source = Source.of(catalogue.find(sizes.data))
    draw = Draw(track.name, seed, "local", "cpu")
    if source.drawn:
        both = track.rules.prepare(sizes, source, draw).at(size)[setting]
        return both.train, both.test
    images = source.boxed("train", size=size, count=None, draw=draw)
    order = torch.randperm(len(images.images), generator=draw.generator("held out"))
    held_out = len(order) // 5
    return part(images, order[held_out:]), part(images, order[:held_out])


def run(trial: Trial, method: str, seed: int) -> list[float]:
    """Values of the COLUMNS."""
    sizes: Any = replace(track.tiers[trial.tier], **dict(trial.changes))  # type: ignore[type-var]
    given = (sizes.height, sizes.width)
    train, _ = data(sizes, seed, given, trial.setting)
    pixels = train.images.float() / 255
    setup = PaddingSetup(
        seed=seed, track=track.name, device_name="cpu", network=sizes.network, height=given[0], width=given[1],
        classes=len(train.classes), mean=tuple(pixels.mean((0, 2, 3)).tolist()),
        std=tuple(pixels.std((0, 2, 3)).tolist()), steps=sizes.steps, batch_size=sizes.batch_size,
        learning_rate=sizes.learning_rate, most=sizes.most,
    )  # fmt: skip
    learner = track.classes[method](setup)
    size = tuple(learner.resolution())
    train, test = data(sizes, seed, size, trial.setting)
    learner.learn(train.images, train.boxes, train.labels, train.counts)
    form = Found(len(test.images), size, classes=len(test.classes), most=sizes.most)
    found = form.read(learner.detect(test.images), "detect")
    marks, seen = scoring.precision(found, test), scoring.recall(found, test)
    edges = seen.edges()
    return [marks.small, marks.all, marks.at_half, marks.bands[0], sum(edges) / 4, seen.blind_spot()]


def table(title: str, trials: Sequence[tuple[str, Trial]]) -> None:
    """Print a table: mean of each column, and its paired difference to the trial's first method."""
    print(f"\n## {title}\n\n| trial | method | {' | '.join(COLUMNS)} |\n|---|---|{'--:|' * len(COLUMNS)}")
    for name, trial in trials:
        runs = {method: [run(trial, method, seed) for seed in trial.seeds] for method in trial.methods}
        for method, rows in runs.items():
            cells = []
            for column in range(len(COLUMNS)):
                values = [row[column] for row in rows]
                text = f"{sum(values) / len(values):.1f}"
                if method != trial.methods[0]:
                    pairs = zip(values, runs[trial.methods[0]], strict=True)
                    gain = summarise([value - base[column] for value, base in pairs])
                    half = f" ± {gain.half_width:.1f}" if gain.half_width is not None else ""
                    text += f" ({gain.mean:+.1f}{half})"
                cells.append(text)
            print(f"| {name} | {method} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print all tables."""
    torch.set_num_threads(1)
    plugins.load_datasets()
    plugins.load_methods()
    few = ("zero", "zero-even", "mind-the-pad")
    most = (*few, "zero-larger", "replicate", "circular", "partial", "converted")
    print("# Tuning and side experiments of small_objects.padding")
    print(
        "\nMade by `python docs/tuning/small_objects.py`; mean over seeds, in parentheses the difference to the first"
    )
    print("method of the trial, paired by seed, with the half width of its 95 % interval (Student).")
    rates = (("learning_rate", 0.015), ("learning_rate", 0.03), ("learning_rate", 0.06))
    table(
        "Learning rate, scenes (quick tier, seeds 100-102); 0.03 is taken",
        [(f"rate {rate[1]}", Trial(few, changes=(rate,))) for rate in rates],
    )
    taken = pyramid.ALPHA
    for alpha in (0.25, 0.5, 0.75):
        pyramid.ALPHA = alpha
        table(f"Weight of objects in the focal loss {alpha}, scenes (quick tier, seeds 100-102); 0.5 is taken",
              [(f"alpha {alpha}", Trial(few))])  # fmt: skip
    pyramid.ALPHA = taken
    photographs = (("learning_rate", 0.0025), ("learning_rate", 0.005), ("learning_rate", 0.01))
    table(
        "Learning rate, blood cells (standard tier, a fifth of the training images held out, seed 100); 0.005 is taken",
        [
            (f"rate {rate[1]}", Trial(("zero", "mind-the-pad"), Tier.STANDARD, "", (rate,), SEEDS[:1]))
            for rate in photographs
        ],
    )
    long = (("steps", 600), ("learning_rate", 0.01), ("test", 400), ("train", 1000))
    table(
        "Longer training of the small detector (600 steps, 1,000 scenes)",
        [(setting, Trial(most, setting=setting, changes=long)) for setting in ("middle", "uniform")],
    )
    residual = (*long[:1], ("learning_rate", 0.005), *long[2:], ("network", "residual"))
    table(
        "Deeper: residual blocks, 17 convolutions (600 steps, 1,000 scenes)",
        [("middle", Trial((*few, "replicate", "converted"), changes=residual, seeds=SEEDS[:2]))],
    )


if __name__ == "__main__":
    main()
