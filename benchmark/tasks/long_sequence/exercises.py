"""The exercises of `long_sequence.recall`: sequences to train on, and sequences to be scored on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.data.catalogue import LabelledSequences, SequenceDataset, catalogue
from benchmark.errors import DataError
from benchmark.seeding import derive

if TYPE_CHECKING:
    from benchmark.data.catalogue import LabelledImages, Split
    from benchmark.data.source import Source
    from benchmark.seeding import Draw

DRAWN = {"recall": "associative-recall", "lists": "list-operations"}
"""Exercises and the datasets that draw their sequences; images of the budget's dataset are the third."""
PIXELS = "pixels"
EXERCISES = (*DRAWN, PIXELS)
_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Exercise:
    """fields: values of each;  draw: training sequences, from a place in their order so many;  test: what is scored"""

    fields: tuple[int, ...]
    classes: int
    draw: Callable[[int, int], LabelledSequences]
    test: LabelledSequences

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return self.test.tokens.shape[1]


def drawn(name: str, *, length: int, test: int, draw: Draw) -> Exercise:
    """Sequences that a dataset draws, new ones for every minibatch. Raises DataError if the length is too short.

    name: one of `DRAWN`;  test: how many are scored
    """
    dataset = catalogue.find(DRAWN[name]).dataset
    if not isinstance(dataset, SequenceDataset):
        raise DataError(f"dataset {DRAWN[name]!r} draws no sequences; take away the plug-in that replaced it")

    def train_on(start: int, count: int) -> LabelledSequences:
        return dataset.sequences(count=count, length=length, seed=derive(*draw.path(name, "train", start)))

    scored = dataset.sequences(count=test, length=length, seed=derive(*draw.secret_path(name, "test")))
    return Exercise(dataset.fields(length), len(dataset.classes), train_on, scored)


def pixels(source: Source, *, side: int, levels: int, images: int | None, test: int, draw: Draw) -> Exercise:
    """Images row by row, grey, then a token to answer at. Raises DataError if there are fewer than two classes.

    side: in pixels;  levels: of grey, at most 255;  images: of each class to train on, None for all;  test: how many
    are scored, up to what makes classes equal
    """
    import torch

    classes = list(range(min(source.class_count(), _CLASSES)))
    if len(classes) < 2:
        raise DataError(f"dataset {source.entry.name!r} has {len(classes)} class; this track needs two or more")

    def read(split: Split, per_class: int | None) -> LabelledSequences:
        found = source.images(split, classes=classes, per_class=per_class, size=side, draw=draw)
        return _row_by_row(found, side=side, levels=levels)

    train, scored = read("train", images), read("test", max(1, test // len(classes)))

    def train_on(start: int, count: int) -> LabelledSequences:
        """From shuffled copies of the training set, one after the other."""
        size = len(train.labels)
        epochs = range(start // size, (start + count - 1) // size + 1)
        orders = [torch.randperm(size, generator=draw.generator(PIXELS, "order", epoch)) for epoch in epochs]
        places = torch.cat(orders)[start % size :][:count]
        return LabelledSequences(train.tokens[places], train.labels[places])

    return Exercise((levels + 1,), len(classes), train_on, scored)


def _row_by_row(images: LabelledImages, *, side: int, levels: int) -> LabelledSequences:
    import torch.nn.functional as F

    grey = F.adaptive_avg_pool2d(images.images.float().mean(1, keepdim=True), side).flatten(1)
    tokens = (grey * (levels / 256)).byte()
    return LabelledSequences(F.pad(tokens, (0, 1), value=levels).unsqueeze(2), images.labels)
