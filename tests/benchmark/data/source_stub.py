"""Two datasets, one on disk and one drawn, and a source that asks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from benchmark.data.catalogue import DatasetEntry, LabelledImages
from benchmark.data.source import Source
from benchmark.seeding import Draw


def numbered(counts: list[int]) -> LabelledImages:
    """One image per index, its two pixels say class and number; in an order that mixes the classes."""
    rows = sorted((number, label) for label, count in enumerate(counts) for number in range(count))
    images = torch.tensor([[label, number] for number, label in rows], dtype=torch.uint8)[:, None, None]
    return LabelledImages(images, torch.tensor([label for _, label in rows]), tuple("abcdef"[: len(counts)]))


class Fixed:
    """Four classes of 12, 9, 7 and 12 training images, three test images each."""

    def __init__(self) -> None:
        self.loads = 0

    def missing(self, root: Path) -> str | None:
        return None

    def fingerprint(self, root: Path) -> str:
        return "f1"

    def load(self, split: str, *, root: Path) -> LabelledImages:
        self.loads += 1
        return numbered([12, 9, 7, 12] if split == "train" else [3] * 4)

    def fetch(self, root: Path) -> None: ...


class Drawn:
    """Notes the seeds that it is asked for."""

    classes = tuple("abcdef")

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def fingerprint(self) -> str:
        return "d1"

    def draw(self, *, classes: list[int], per_class: int, size: int, seed: int) -> LabelledImages:
        self.seeds.append(seed)
        labels = torch.arange(len(classes)).repeat(per_class)
        return LabelledImages(torch.zeros(len(labels), 1, size, size, dtype=torch.uint8), labels, self.classes[:3])


def source(dataset: Any) -> Source:
    return Source(DatasetEntry("stub", "Stub", "none", "here", dataset, __file__), Path("/nowhere"))


def ask(which: Source, **changes: Any) -> LabelledImages:
    words: dict[str, Any] = {"split": "train", "classes": [2, 0], "per_class": 5, "size": 8}
    words, draw = drawn_by(words | changes)
    return which.images(words.pop("split"), **words, draw=draw)


def drawn_by(words: dict[str, Any]) -> tuple[dict[str, Any], Draw]:
    """Take the words of a draw out of the others."""
    draw: dict[str, Any] = {"track": "task.track", "seed": 0, "salt": "local", "device": "cpu"}
    rest = {name: value for name, value in words.items() if name not in draw}
    return rest, Draw(**{name: words.get(name, value) for name, value in draw.items()})
