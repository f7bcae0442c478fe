"""Sweeps behind `forgetting.multilingual`: `python docs/tuning/multilingual.py > docs/tuning/multilingual.md`.

Seeds 100 and up, whose languages and sentences no reported seed sees. Ten minutes on one core.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import torch
from direct import judged, row

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.tasks.forgetting.multilingual import track

SEEDS = (100, 101, 102)
RATES = (0.004, 0.006, 0.008, 0.011, 0.015)
"""Highest learning rates, tried with every method."""
OPTIONS: dict[str, dict[str, tuple[float, ...]]] = {
    "gradvac-fixed": {"target": (0.1, 0.2, 0.3, 0.5, 0.7)},
    "cagrad": {"c": (0.1, 0.2, 0.4, 0.6, 0.8)},
}
"""Hyperparameters that are not a paper's for this task."""


def run(method: str, seed: int, *, options: dict[str, float], **changed: Any) -> list[float]:
    """BLEU of all languages, and of those with few sentences."""
    sizes: Any = replace(track.tiers[Tier.QUICK], looks=1, probe=1, **changed)
    metrics = judged(track, method, sizes, Source.of(catalogue.find(sizes.data)), seed, options).metrics
    return [metrics[name].value for name in ("bleu", "low_resource_bleu")]


def line(method: str, words: str, options: dict[str, float], **changed: Any) -> str:
    """A row of the table: means over seeds."""
    return row(method, words, [run(method, seed, options=options, **changed) for seed in SEEDS])


def main() -> None:
    """Print the page."""
    torch.set_num_threads(1)
    assert plugins.load_datasets() + plugins.load_methods() == []
    names = sys.argv[1].split(",") if len(sys.argv) > 1 else sorted(track.entries)
    print("# Learners of `forgetting.multilingual`\n")
    print(
        f"BLEU at the sizes of the quick tier, means over seeds {', '.join(map(str, SEEDS))}: other languages and other"
    )
    print(
        "sentences than a reported seed's. Five values of the highest learning rate for every method; then, at the one"
    )
    print("that is the setup's, five of what is no paper's. Made by `python docs/tuning/multilingual.py`.\n")
    print("| method | setting | all languages | with few sentences |")
    print("|---|---|--:|--:|")
    for method in names:
        for rate in RATES:
            setup_rate = rate / track.classes[method].pace
            print(line(method, f"learning rate {rate:g}", {}, learning_rate=setup_rate), flush=True)
    for method, grids in OPTIONS.items():
        for option, values in grids.items():
            for value in values:
                if method in names:
                    print(line(method, f"{option} {value:g}", {option: value}), flush=True)


if __name__ == "__main__":
    main()
