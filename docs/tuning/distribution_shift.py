"""Sweeps behind `distribution_shift`, quick tier: `python docs/tuning/distribution_shift.py [TRACK ...] > FILE.md`.

Seeds 100 and up. Of each class more training images are drawn than the tier has: those beyond its number are held out,
and values are chosen by them; no test image is drawn. Ten minutes on one core.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.distribution_shift import adversarial, label_noise, spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner
from benchmark.tasks.distribution_shift.rules import Labelled, ShiftSetup

SEEDS = (100, 101, 102)
HELD_OUT = 100
"""Images per class."""
TRACKS: dict[str, Any] = {
    "spurious": spurious.track,
    "label_noise": label_noise.track,
    "adversarial": adversarial.track,
}
REFERENCE = (20, 64)  # steps: one and two epochs
GRIDS: dict[str, dict[str, dict[str, tuple[float, ...]]]] = {
    "spurious": {
        "erm": {},
        "group-balanced": {"reference_steps": REFERENCE},
        "reweight": {"weight": (1.0, 4.0, 10.0, 20.0, 50.0)},
        "jtt": {"upsampling": (2.0, 5.0, 10.0, 20.0, 50.0), "reference_steps": REFERENCE},
        "irmv1": {"weight": (0.3, 1.0, 3.0, 10.0, 30.0)},
        "v-rex": {"weight": (0.3, 1.0, 3.0, 10.0, 30.0)},
        "group-dro": {"step_size": (0.01, 0.03, 0.1, 0.3, 1.0)},
        "cmmd": {"weight": (0.3, 1.0, 3.0, 10.0, 30.0)},
        "pgi": {"weight": (0.5, 1.0, 2.0, 5.0, 10.0)},
    },
    "label_noise": {
        "sgd": {},
        "sgd-twice": {},
        "label-smoothing": {"smoothing": (0.1, 0.2, 0.4, 0.6, 0.8)},
        "mixup": {"alpha": (1.0, 2.0, 4.0, 8.0, 32.0)},
        "asam": {"rho": (0.5, 1.0, 2.0, 3.0, 4.0)},
        "sam": {"rho": (0.05, 0.1, 0.2, 0.3, 0.5)},
    },
    "adversarial": {
        "erm": {},
        "weight-decay": {"weight_decay": (2e-3, 5e-3, 1e-2, 2e-2, 5e-2)},
        "label-smoothing": {"smoothing": (0.05, 0.1, 0.2, 0.4, 0.6)},
        "manifold-mixup": {"alpha": (0.2, 0.5, 1.0, 2.0, 4.0)},
        "mixup": {"alpha": (0.2, 0.5, 1.0, 2.0, 4.0)},
    },
}
"""Per track and method: the hyperparameters that are swept, all combinations; as many values for each method.

`reference_steps` are common to all group methods, swept where nothing else is, and for JTT, whose paper tunes both.
"""
COLUMNS = {
    "spurious": ("worst inferred group", "worst true group", "all"),
    "label_noise": ("mean over levels", "no noise", "40 % noise"),
    "adversarial": ("FGSM accuracy", "FGSM loss", "clean"),
}
"""Per track: what is measured on the held-out images; the first chooses."""
WORDS = {
    "spurious": """Accuracy (%) on held-out images under the training scheme. They fall into two groups as a reference
network of each seed, trained for 64 steps by ERM, divides them (`grouping.infer_groups`), and a value is
chosen by the worse of these groups' accuracies: no method is chosen by groups that nobody was told. What the true
groups, own and other colours, would have said stands beside it.""",
    "label_noise": """Accuracy (%) after the last epoch on held-out images with their right labels, chosen by the mean
over levels. (Wrong labels that are uniform would rank the values alike, but less sharply.)""",
    "adversarial": """Held-out images under FGSM at the middle radius: accuracy (%) and loss (nats); clean accuracy (%).
Chosen by the accuracy under FGSM among values that lose at most a point of clean accuracy against ERM: with more
of any of these regularisers both go on, one up and the other down.""",
}


MNIST = {"sam": {"rho": (0.1, 0.2, 0.3)}}
"""What is looked at again in the standard tier of `label_noise`, where SAM can break down."""


class Run:
    """One track's data for a seed, divided into what is learned from and what is held out."""

    def __init__(self, name: str, seed: int, tier: Tier) -> None:
        self.track = TRACKS[name]
        self.sizes: Any = self.track.tiers[tier]
        more = replace(self.sizes, train=self.sizes.train + HELD_OUT)
        draw = Draw(self.track.name, seed, "local", "cpu")
        self.data: Any = self.track.rules.prepare(more, Source.of(catalogue.find(more.data)), draw)
        by_class = self.data.train.labels.argsort(stable=True).view(-1, more.train)
        self.learned = by_class[:, : self.sizes.train].flatten().sort().values
        self.held = by_class[:, self.sizes.train :].flatten()
        told = self.track.rules.tell(self.sizes, replace(self.data, train=self.part(self.learned)))
        self.setup = ShiftSetup(seed=seed, track=self.track.name, device_name="cpu", **told)

    def part(self, rows: Tensor) -> Labelled:
        """Some of the training images."""
        return Labelled(self.data.train.images[rows], self.data.train.labels[rows])

    def trained(self, learner: Any, labels: Tensor) -> Any:
        """The learner after training on labels (n,) of all images, of which it sees those that are not held out."""
        learner.begin(self.data.train.images[self.learned], labels[self.learned])
        for index in range(self.sizes.epochs):
            learner.epoch(index)
        return learner

    @cached_property
    def inferred(self) -> Tensor:
        """Groups (n,) of the held-out images, as a network sees them that ERM trained a little."""
        reference, learned, held = SpuriousGroupLearner(self.setup), self.part(self.learned), self.part(self.held)
        reference.begin(learned.images, learned.labels)
        while reference.step < REFERENCE[-1]:
            reference.epoch(0)
        reference.images, reference.labels = held.images, held.labels
        return reference.infer()


def spurious_values(run: Run, learner: Any) -> list[float]:
    """Values of the COLUMNS of `spurious`."""
    held = run.part(run.held)
    right = (run.trained(learner, run.data.train.labels).scores(held.images).argmax(1) == held.labels).double()
    kinds = (run.inferred, run.data.groups[run.held])
    return [min(100 * float(right[kind == group].mean()) for group in (0, 1)) for kind in kinds] + [
        100 * float(right.mean())
    ]


def label_noise_values(run: Run, learner: Any) -> list[float]:
    """Values of the COLUMNS of `label_noise`."""
    held, found = run.part(run.held), []
    for seen in run.data.seen:
        scores = run.trained(learner, seen).scores(held.images)
        found.append(100 * float((scores.argmax(1) == held.labels).double().mean()))
    return [sum(found) / len(found), *found]


def adversarial_values(run: Run, learner: Any) -> list[float]:
    """Values of the COLUMNS of `adversarial`."""
    held = run.part(run.held)
    run.trained(learner, run.data.train.labels)
    clean = learner.scores(held.images)
    moved = learner.scores(learner.attack(held.images, "fgsm", run.setup.radius))
    right, robust = (scores.argmax(1) == held.labels for scores in (clean, moved))
    losses = [torch.nn.functional.cross_entropy(scores, held.labels, reduction="none") for scores in (clean, moved)]
    return [
        100 * float((right & robust).double().mean()),
        float(losses[0].maximum(losses[1]).mean()),
        100 * float(right.double().mean()),
    ]


VALUES = {"spurious": spurious_values, "label_noise": label_noise_values, "adversarial": adversarial_values}


def table(name: str, grids: dict[str, dict[str, tuple[float, ...]]], runs: list[Run], columns: Sequence[str]) -> None:
    """Print a table: means over seeds, the chosen value of each method in bold."""
    print(f"\n| method | setting | {' | '.join(columns)} |")
    print("|---|---|" + "--:|" * len(columns))
    least = 0.0
    for method, grid in grids.items():
        rows = []
        for options in itertools.product(*grid.values()):
            words = dict(zip(grid, options, strict=True))
            found = [VALUES[name](run, TRACKS[name].classes[method](run.setup, **words)) for run in runs]
            means = [sum(values) / len(values) for values in zip(*found, strict=True)]
            rows.append((", ".join(f"{option} {value:g}" for option, value in words.items()), means))
        if name == "adversarial" and method == "erm":
            least = rows[0][1][-1] - 1
        best = max((means[0] for _, means in rows if means[-1] >= least), default=None)
        for setting, means in rows:
            cells = [f"{v:.2f}" if c.endswith("loss") else f"{v:.1f}" for c, v in zip(columns, means, strict=True)]
            if means[0] == best and grid:
                cells[0] = f"**{cells[0]}**"
            print(f"| {method} | {setting} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the page."""
    torch.set_num_threads(1)
    assert plugins.load_datasets() + plugins.load_methods() == []
    print("# Tuning of `distribution_shift`\n")
    print(
        f"Quick tier: means over the seeds {', '.join(map(str, SEEDS))}, on {HELD_OUT} training images per class that"
    )
    print("are held out. Made by `python docs/tuning/distribution_shift.py`; no test image is used. Bold chooses.")
    for name in sys.argv[1:] or TRACKS:
        print(f"\n## `{name}`\n\n{WORDS[name]}")
        table(name, GRIDS[name], [Run(name, seed, Tier.QUICK) for seed in SEEDS], COLUMNS[name])
        if name == "label_noise":
            print("\nSAM again on MNIST (standard tier, seed 100); it has the radius with the best mean over both:")
            runs = [Run(name, SEEDS[0], Tier.STANDARD)]
            table(name, MNIST, runs, ("mean over levels", "0", "20 %", "40 %", "60 %"))


if __name__ == "__main__":
    main()
