"""Sweeps behind `sample_efficiency.architecture`: `python docs/tuning/sample_efficiency.py > FILE.md`.

Seeds 100 and up, whose samples no reported seed sees. Ten minutes on one core.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from direct import judged

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.tasks.sample_efficiency.architecture import track
from benchmark.tasks.sample_efficiency.rules import ArchitectureBudget
from benchmark.tasks.sample_efficiency.search import AT_LEAST

SEEDS = (100, 101)
RATES = (0.02, 0.05, 0.1, 0.2, 0.4)
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    **{
        name: {"learning_rate": RATES}
        for name in ("cnn", "fc", "fc-relu", "fc-wide", "fc-batchnorm", "hybrid", "local")
    },
    "fc-decay": {"decay": (0.0001, 0.001, 0.01, 0.03, 0.1)},
    "quadratic-kernel": {"ridge": (0.0001, 0.001, 0.01, 0.03, 0.1)},
}
"""By method: the hyperparameter that is swept, five values for each method."""


def run(method: str, options: dict[str, float], seed: int) -> list[tuple[str, float, float]]:
    """(setting, samples, bound) at each dimension of each setting."""
    sizes: Any = track.tiers[Tier.QUICK]
    assert isinstance(sizes, ArchitectureBudget)
    outcome = judged(track, method, sizes, Source.of(catalogue.find(sizes.data)), seed, options)
    rows = zip(*(outcome.curves["samples"][name] for name in ("setting", "samples", "bound")), strict=True)
    return [(outcome.names["setting"][int(setting)], samples, bound) for setting, samples, bound in rows]


def line(method: str, options: dict[str, float]) -> str:
    """A row of the table: the geometric mean over dimensions and seeds in each setting, and over settings."""
    found = [row for seed in SEEDS for row in run(method, options, seed)]
    cells, means = [], []
    for setting in dict.fromkeys(row[0] for row in found):
        inside = [row for row in found if row[0] == setting]
        logs = [math.log(samples) for _, samples, _ in inside]
        means.append(sum(logs) / len(logs))
        never = sum(bound == AT_LEAST for _, _, bound in inside)
        cells.append(f"{math.exp(means[-1]):.0f}" + (f" ({never} never)" if never else ""))
    words = ", ".join(f"{name} {value:g}" for name, value in options.items())
    return f"| {method} | {words} | {' | '.join(cells)} | {math.exp(sum(means) / len(means)):.0f} |"


def main() -> None:
    """Print the page."""
    torch.set_num_threads(1)
    assert plugins.load_datasets() + plugins.load_methods() == []
    print("# Learners of `sample_efficiency.architecture`\n")
    print("Samples until 90 % accuracy, geometric mean over dimensions and the seeds " + ", ".join(map(str, SEEDS)))
    print("of the quick tier, the largest size of the grid standing for those never reached; the last column is the")
    print("geometric mean over settings. Five values of one hyperparameter for each method; it keeps the one with the")
    print("least. Made by `python docs/tuning/sample_efficiency.py`.\n")
    names = [ladder.setting for ladder in track.tiers[Tier.QUICK].ladders]  # type: ignore[attr-defined]
    print(f"| method | setting | {' | '.join(names)} | all |")
    print("|---|---|" + "--:|" * (len(names) + 1))
    for method, grid in GRIDS.items():
        for option, values in grid.items():
            for value in values:
                print(line(method, {option: value}), flush=True)


if __name__ == "__main__":
    main()
