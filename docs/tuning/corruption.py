"""Sweeps behind `test_time_shift.corruption`: `python docs/tuning/corruption.py > docs/tuning/corruption.md`.

Seeds 100 to 102, and no test image: the source model learns from a part of the training images of the quick tier's
size, and the streams are training images that it did not see, under chains of the held-out corruptions at severity 5.
Three minutes on one core.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import LabelledImages, catalogue
from benchmark.data.source import Source
from benchmark.learning import pretraining
from benchmark.results.stats import summarise
from benchmark.seeding import Draw
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup, track
from benchmark.tasks.test_time_shift.corruptions import HELD_OUT, corrupt

SEEDS = (100, 101, 102)
SPECKLE, BLUR, SPATTER, _ = HELD_OUT  # grey images have no saturation to change
CHAINS = (2 * (BLUR, SPATTER), 3 * (SPATTER,), 2 * (BLUR, SPATTER, SPECKLE))
"""Each alone costs the source hardly a point even at severity 5; in a row they are as hard as the fifteen are."""
SEVERITY = 5


@dataclass(frozen=True)
class Sweep:
    """What is tried: one hyperparameter of a method, as many values for each."""

    method: str
    parameter: str
    values: tuple[float, ...]
    taken: float


SWEEPS = (
    Sweep("tent", "learning_rate", (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2), 1e-3),
    Sweep("tent-fast", "learning_rate", (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2), 5e-3),
    Sweep("pseudo-label", "learning_rate", (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2), 2e-3),
    Sweep("eata", "learning_rate", (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2), 1e-3),
    Sweep("sar", "learning_rate", (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1), 3e-2),
    Sweep("batch-norm-mixed", "prior", (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), 16.0),
    Sweep("memo", "learning_rate", (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2), 5e-3),
    Sweep("oracle", "learning_rate", (5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1), 5e-2),
)


@dataclass(frozen=True)
class World:
    """A seed's source model, and streams with labels; learned: its training images, as it saw them."""

    recipe: pretraining.ClassifierRecipe
    weights: dict[str, Tensor]
    learned: LabelledImages
    streams: list[Tensor]
    labels: Tensor


@lru_cache(maxsize=len(SEEDS))
def world(seed: int) -> World:
    """Training images in two parts, one for the source, one for streams."""
    sizes = track.budget("quick")
    source, draw = Source.of(catalogue.find(sizes.data)), Draw(track.name, seed, "local", "cpu")
    classes = list(range(sizes.classes))
    more = -(-sizes.images // sizes.classes)
    both = source.images("train", classes=classes, per_class=sizes.train + more, size=sizes.size, draw=draw)
    order = torch.randperm(len(both.labels), generator=draw.generator("held out"))
    shown, learned = order[: sizes.images], order[sizes.images :]
    train = replace(both, images=both.images[learned], labels=both.labels[learned])
    recipe = pretraining.ClassifierRecipe.of(
        train, seed=seed, widths=sizes.widths, blocks=sizes.blocks, epochs=sizes.epochs, batch_size=sizes.source_batch,
        learning_rate=sizes.learning_rate, augment=sizes.augment, mirror=sizes.mirror,
    )  # fmt: skip
    weights = pretraining.pretrained(recipe, train, device="cpu")
    streams = [chained(both.images[shown], chain, draw.generator("stream", *chain)) for chain in CHAINS]
    return World(recipe, weights, train, streams, both.labels[shown])


def chained(images: Tensor, chain: tuple[str, ...], rng: torch.Generator) -> Tensor:
    """Images (n, c, h, w) uint8 under one corruption after the other."""
    for name in chain:
        images = corrupt(images, name, SEVERITY, generator=rng)
    return images


def run(method: str, seed: int, batch_size: int, **words: float) -> float:
    """Mean error (%) over the held-out corruptions, with a reset before each."""
    sizes, given = track.budget("quick"), world(seed)
    recipe = given.recipe
    setup = AdaptationSetup(
        seed=seed, track=track.name, device_name="cpu", image_shape=(recipe.channels, recipe.size, recipe.size),
        classes=recipe.classes, widths=recipe.widths, blocks=recipe.blocks, mean=recipe.mean, std=recipe.std,
        batch_size=batch_size,
    )  # fmt: skip
    adapter: Any = track.classes[method](setup, **words)
    adapter.begin(given.weights, given.learned.images[: sizes.samples].float() / 255)
    if track.entries[method].role == "reference":
        adapter.study(*_study(given, sizes.study))
    wrong = []
    for images in given.streams:
        adapter.reset()
        answers = [adapter.adapt(batch.float() / 255).argmax(1) for batch in images.split(batch_size)]
        wrong.append(torch.cat(answers) != given.labels)
    return 100 * float(torch.cat(wrong).double().mean())


def _study(given: World, count: int) -> tuple[Tensor, Tensor]:
    """As many training images under each chain, and clean."""
    images = given.learned.images[:count].clone()
    for place, chain in enumerate(CHAINS):
        mine = slice(place, None, len(CHAINS) + 1)
        images[mine] = chained(images[mine], chain, torch.Generator().manual_seed(place))
    return images, given.learned.labels[:count]


def table(sweep: Sweep, batch_size: int, base: list[float]) -> None:
    """Print a row per value: mean error, and the difference to batch statistics alone in the same batches."""
    print(f"\n## {sweep.method}: {sweep.parameter}, batches of {batch_size}; {sweep.taken:g} is taken\n")
    print(f"| {sweep.parameter} | error (%) | minus batch-norm (points) |\n|--:|--:|--:|")
    for value in sweep.values:
        errors = [run(sweep.method, seed, batch_size, **{sweep.parameter: value}) for seed in SEEDS]
        gain = summarise([error - other for error, other in zip(errors, base, strict=True)])
        half = f" ± {gain.half_width:.2f}" if gain.half_width is not None else ""
        print(f"| {value:g} | {sum(errors) / len(errors):.2f} | {gain.mean:+.2f}{half} |", flush=True)


def main() -> None:
    """Print all tables."""
    torch.set_num_threads(1)
    plugins.load_datasets()
    plugins.load_methods()
    sizes = track.budget("quick")
    print("# Tuning of test_time_shift.corruption\n")
    print(f"Made by `python docs/tuning/corruption.py`: quick tier, seeds {SEEDS[0]} to {SEEDS[-1]}; streams of")
    print(f"{sizes.images} held-out training images at severity {SEVERITY}, under chains of the held-out corruptions:")
    print("; ".join(", ".join(chain) for chain in CHAINS) + ". Metric: mean error (%) over these; intervals are 95 %,")
    print("Student over seeds, paired by seed.\n")
    base = {}
    for batch_size in (sizes.batch_size, sizes.small_batch):
        both = [[run(name, seed, batch_size) for seed in SEEDS] for name in ("source", "batch-norm")]
        means = [sum(errors) / len(SEEDS) for errors in both]
        base[batch_size] = both[1]
        print(f"Batches of {batch_size}: source {means[0]:.2f} %, batch-norm {means[1]:.2f} %.", flush=True)
    for sweep in SWEEPS:
        table(sweep, sizes.batch_size, base[sizes.batch_size])
        if sweep.parameter == "prior":
            table(sweep, sizes.small_batch, base[sizes.small_batch])


if __name__ == "__main__":
    main()
