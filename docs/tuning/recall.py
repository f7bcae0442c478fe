"""Sweeps behind `long_sequence.recall`: `python docs/tuning/recall.py > docs/tuning/recall.md`.

Seeds 100 and up, whose sequences no reported seed sees; images are training images held out. Ten minutes on one core.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import torch
from direct import judged, row

from benchmark import plugins
from benchmark.data.catalogue import LabelledImages, catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.long_sequence.recall import RecallBudget, track

SEEDS = (100, 101)
HIGHEST = (0.003, 0.005, 0.01, 0.02, 0.04)
"""Learning rates of all parameters, tried with every method."""
OWN = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Rates of an attention's own parameters over the others', for every method that has some."""
OWNERS = ("linformer", "rfa", "rfa-gate", "gated-deltanet")


@dataclass(frozen=True)
class HeldOut:
    """A source whose test images are training images that are not trained on."""

    source: Source
    train: int
    test: int

    @property
    def entry(self) -> Any:
        """See `Source`."""
        return self.source.entry

    def class_count(self) -> int:
        """See `Source`."""
        return self.source.class_count()

    def images(self, split: str, *, classes: list[int], per_class: int | None, size: int, draw: Draw) -> LabelledImages:
        """See `Source.images`."""
        whole = self.source.images("train", classes=classes, per_class=self.train + self.test, size=size, draw=draw)
        places = [(whole.labels == label).nonzero().squeeze(1) for label in range(len(classes))]
        part = slice(0, self.train) if split == "train" else slice(self.train, None)
        chosen = torch.cat([found[part] for found in places])
        chosen = chosen[torch.randperm(len(chosen), generator=draw.generator("held out", split))]
        return replace(whole, images=whole.images[chosen], labels=whole.labels[chosen])


def run(method: str, seed: int, *, options: dict[str, float], **changed: Any) -> list[float]:
    """Accuracies (%): in all, of recall, of pixels."""
    sizes: Any = replace(track.tiers[Tier.QUICK], **changed)
    assert isinstance(sizes, RecallBudget)
    source: Any = HeldOut(Source.of(catalogue.find(sizes.data)), sizes.images or 0, sizes.test // 10)
    metrics = judged(track, method, sizes, source, seed, options).metrics
    return [metrics[name].value for name in ("accuracy", "recall_accuracy", "pixels_accuracy")]


def line(method: str, words: str, options: dict[str, float], **changed: Any) -> str:
    """A row of the table: means over seeds."""
    return row(method, words, [run(method, seed, options=options, **changed) for seed in SEEDS])


def main() -> None:
    """Print the page."""
    torch.set_num_threads(1)
    assert plugins.load_datasets() + plugins.load_methods() == []
    names = sys.argv[1].split(",") if len(sys.argv) > 1 else sorted(set(track.entries) - {"softmax-plain"})
    print("# Learners of `long_sequence.recall`\n")
    print(f"Accuracy (%) at the sizes of the quick tier, means over seeds {', '.join(map(str, SEEDS))}, new sequences")
    print("and training images held out. Five values of the highest learning rate for every method; then, at the one")
    print("that does best, five of the rate of an attention's own parameters over it, for each method that has some.")
    print("Made by `python docs/tuning/recall.py`.\n")
    print("| method | setting | accuracy | recall | pixels |")
    print("|---|---|--:|--:|--:|")
    for method in names:
        for rate in HIGHEST:
            setup_rate = rate / track.classes[method].pace
            print(line(method, f"learning rate {rate:g}", {}, learning_rate=setup_rate), flush=True)
    for method in OWNERS:
        for rate in OWN:
            if method in names:
                print(line(method, f"own rate {rate:g}", {"rate": rate}), flush=True)


if __name__ == "__main__":
    main()
