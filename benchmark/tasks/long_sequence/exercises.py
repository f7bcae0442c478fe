"""The exercises of `long_sequence.recall`: sequences to train on, and sequences to be scored on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.data.catalogue import LabelledSequences, SequenceDataset, catalogue
from benchmark.errors import DataError
from benchmark.seeding import derive, generator

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import LabelledImages, Split
    from benchmark.data.source import Source
    from benchmark.seeding import Draw

RECALL, PIXELS = "recall", "pixels"
EXERCISES = (RECALL, PIXELS)
DATASET = "associative-recall"
"""Draws the sequences of `RECALL`; images of the budget's dataset are the other exercise."""
_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Exercise:
    """fields: values of each;  draw: training sequences of a rung, from a place in their order so many;  tests: what is
    scored, by rung. Rungs are of one kind and rise in length; an exercise may have but one."""

    fields: tuple[int, ...]
    classes: int
    draw: Callable[[int, int, int], LabelledSequences]
    tests: tuple[LabelledSequences, ...]

    @property
    def length(self) -> int:
        """Tokens of the longest sequences."""
        return int(self.tests[-1].tokens.shape[1])


def recalled(pairs: tuple[int, ...], *, test: int, draw: Draw) -> Exercise:
    """Pairs of a key and a value, then a key: a rung for each number of pairs, rising. Training sequences are new ones
    each time. Raises DataError if a number is too low, or they do not rise.

    A dataset names keys by its sequences' length; here the keys of every rung are any of the longest's, so that rungs
    differ in the number of pairs alone.  test: how many are scored on each rung
    """
    if sorted(set(pairs)) != list(pairs):
        raise DataError(f"numbers of pairs are {pairs}; they must rise")
    dataset = catalogue.find(DATASET).dataset
    if not isinstance(dataset, SequenceDataset):
        raise DataError(f"dataset {DATASET!r} draws no sequences; take away the plug-in that replaced it")
    fields = dataset.fields(pairs[-1] + 1)

    def drawn(rung: int, count: int, seed: int) -> LabelledSequences:
        found = dataset.sequences(count=count, length=pairs[rung] + 1, seed=seed)
        return LabelledSequences(_renamed(found.tokens, fields[0], seed=seed), found.labels)

    def train_on(rung: int, start: int, count: int) -> LabelledSequences:
        return drawn(rung, count, derive(*draw.path(RECALL, "train", rung, start)))

    scored = [drawn(rung, test, derive(*draw.secret_path(RECALL, "test", rung))) for rung in range(len(pairs))]
    return Exercise(fields, len(dataset.classes), train_on, tuple(scored))


def _renamed(tokens: Tensor, keys: int, *, seed: int) -> Tensor:
    """The sequences (n, length, 2) with their keys, the first field, drawn anew for each of them from so many."""
    import torch

    names = torch.rand(len(tokens), keys, generator=generator(seed, DATASET, "names")).argsort(dim=1, stable=True)
    return torch.cat([names.gather(1, tokens[:, :, 0].long()).unsqueeze(2), tokens[:, :, 1:]], 2)


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

    def train_on(rung: int, start: int, count: int) -> LabelledSequences:
        """From shuffled copies of the training set, one after the other."""
        size = len(train.labels)
        epochs = range(start // size, (start + count - 1) // size + 1)
        orders = [torch.randperm(size, generator=draw.generator(PIXELS, "order", epoch)) for epoch in epochs]
        places = torch.cat(orders)[start % size :][:count]
        return LabelledSequences(train.tokens[places], train.labels[places])

    return Exercise((levels + 1,), len(classes), train_on, (scored,))


def _row_by_row(images: LabelledImages, *, side: int, levels: int) -> LabelledSequences:
    import torch.nn.functional as F

    grey = F.adaptive_avg_pool2d(images.images.float().mean(1, keepdim=True), side).flatten(1)
    tokens = (grey * (levels / 256)).byte()
    return LabelledSequences(F.pad(tokens, (0, 1), value=levels).unsqueeze(2), images.labels)
