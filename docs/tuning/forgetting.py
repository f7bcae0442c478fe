"""Sweeps behind the methods of `forgetting`: `python docs/tuning/forgetting.py [PART ...] > FILE.md`.

Seeds 100 and up, and no test image: each task is judged on training images that it does not learn from. Five minutes
on one core.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch
from direct import Direct

from benchmark import plugins
from benchmark.data.catalogue import LabelledImages, catalogue
from benchmark.data.source import Source
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks import find_track

SEEDS = (100, 101, 102)
HELD_OUT = 50
"""Training images per class and task on which a task is judged."""

Options = dict[str, float | int]
"""Hyperparameters of a method, by name."""

HEAD = """# Hyperparameters of `forgetting`

Mean final accuracy ACC (%) and backward transfer BWT (points) on held-out training images of the quick tier, mean over
the seeds 100, 101, 102. Six points for each method; all but GPM take the one with the highest ACC. GPM keeps its
paper's .97 + .003 per task, which is not the best here. Made by `python docs/tuning/forgetting.py`."""


def dark(*alphas: float) -> list[Options]:
    """Points of DER++."""
    return [{"alpha": alpha, "beta": beta} for alpha, beta in product(alphas, (0.5, 1.0))]


STRENGTHS: list[Options] = [{"strength": strength} for strength in (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)]
BATCHES: list[Options] = [{"reference_batch": size} for size in (10, 20, 40, 64, 100, 200)]
THRESHOLDS: list[Options] = [
    {"threshold": threshold, "growth": (1 - threshold) / 10} for threshold in (0.95, 0.97, 0.98, 0.99, 0.995, 0.998)
]


@dataclass(frozen=True)
class Part:
    """A table: a track, and the grids of its methods, six points for each, in the quick tier."""

    track: str
    grids: dict[str, list[Options]]


PARTS = {
    "permuted glyphs": Part(
        "forgetting.permuted",
        {"ewc": STRENGTHS, "derpp": dark(0.1, 0.3, 1.0), "a-gem": BATCHES},
    ),
    "split glyphs": Part(
        "forgetting.split",
        {"gpm": THRESHOLDS, "ewc": STRENGTHS, "derpp": dark(0.1, 0.3, 1.0), "a-gem": BATCHES},
    ),
}  # fmt: skip


class HeldOut:
    """A source whose "test" images are training images that its "train" images leave out."""

    def __init__(self, source: Source, *, learned: int, held_out: int) -> None:
        self.source, self.learned, self.total = source, learned, learned + held_out
        self.entry, self.drawn, self.class_count = source.entry, source.drawn, source.class_count

    def images(self, split: str, *, classes: list[int], per_class: int | None, size: int, draw: Draw) -> LabelledImages:
        """See `Source.images`; how many there are per class was said before."""
        both = self.source.images("train", classes=classes, per_class=self.total, size=size, draw=draw)
        taken = slice(self.learned) if split == "train" else slice(self.learned, self.total)
        chosen = torch.cat([(both.labels == label).nonzero().squeeze(1)[taken] for label in range(len(classes))])
        return replace(both, images=both.images[chosen], labels=both.labels[chosen])


class Finite(Direct):
    """A contestant whose scores have to be finite."""

    def call(self, name: str, *arguments: Any, **words: Any) -> Any:
        """See `Contestant.call`. Raises FloatingPointError for scores that are not."""
        answer = super().call(name, *arguments, **words)
        if name == "predict" and not answer.isfinite().all():
            raise FloatingPointError("training diverged")
        return answer


def run(part: Part, method: str, options: Options, seed: int) -> tuple[float, float]:
    """ACC and BWT, not a number if training diverged."""
    track = find_track(part.track)
    sizes: Any = track.tiers[Tier.QUICK]
    source: Any = HeldOut(Source.of(catalogue.find(sizes.data)), learned=sizes.train, held_out=HELD_OUT)
    data = track.rules.prepare(sizes, source, Draw(track.name, seed, "local", "cpu"))
    setup: Any = track.setup(seed=seed, track=track.name, device_name="cpu", **track.rules.tell(sizes, data))
    contestant: Any = Finite(track.classes[method](setup, **options))
    try:
        metrics = track.rules.judge(contestant, sizes, data, Clock()).metrics
    except FloatingPointError:
        return math.nan, math.nan
    return metrics["ACC"].value, metrics["BWT"].value


def table(name: str, part: Part) -> None:
    """Print a part's table: means over its seeds, the best of each method marked."""
    print(f"\n## {name}\n")
    print("| method | setting | ACC | BWT |\n|---|---|--:|--:|")
    for method, grid in part.grids.items():
        means = []
        for options in grid:
            found = [run(part, method, options, seed) for seed in SEEDS]
            means.append(tuple(sum(column) / len(column) for column in zip(*found, strict=True)))
        best = max(range(len(grid)), key=lambda at: -math.inf if math.isnan(means[at][0]) else means[at][0])
        for at, (options, (accuracy, change)) in enumerate(zip(grid, means, strict=True)):
            words = ", ".join(f"{option} {value:g}" for option, value in options.items())
            values = "diverged | |" if math.isnan(accuracy) else f"{accuracy:.1f} | {change:.1f} |"
            print(f"| {method} | {words}{' (best)' if at == best else ''} | {values}", flush=True)


def main(parts: list[str]) -> None:
    """Print the page."""
    torch.set_num_threads(1)
    assert plugins.load_datasets() + plugins.load_methods() == []
    print(HEAD)
    for name in parts or PARTS:
        table(name, PARTS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
