"""The samples of a job of `architecture`: for each setting and input dimension, training sets and a test set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.data.catalogue import LabelledImages, ProceduralDataset, Split
from benchmark.data.source import Source
from benchmark.errors import DataError
from benchmark.seeding import Draw
from benchmark.tasks.sample_efficiency import distributions
from benchmark.tasks.sample_efficiency.distributions import Samples
from benchmark.tasks.sample_efficiency.rules import ArchitectureBudget, Ladder

CANVASES, ENERGIES = "canvases", "energies"
"""Settings that are made of images, whose input dimension is channels times pixels."""
_POOL = 50_000
"""Images of a dataset on disk that are kept at the sizes asked for, at most."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One dimension of a ladder. train: (repeats, n, ...), of which a problem takes the first;  test: (m, ...)."""

    ladder: Ladder
    dimension: int
    train: Samples
    test: Samples


@lru_cache(maxsize=4)
def rungs(source: Source, sizes: ArchitectureBudget, draw: Draw) -> tuple[tuple[Rung, ...], ...]:
    """The rungs of each ladder, kept between jobs of a seed. Raises DataError if the images do not do."""
    return tuple(
        tuple(_rung(ladder, dimension, source, sizes, draw) for dimension in ladder.dimensions)
        for ladder in sizes.ladders
    )


def _rung(ladder: Ladder, d: int, source: Source, sizes: ArchitectureBudget, draw: Draw) -> Rung:
    if ladder.setting == CANVASES:
        return _on_canvases(ladder, d, source, sizes, draw)
    if ladder.setting == ENERGIES:
        return _of_colours(ladder, d, source, sizes, draw)
    make = distributions.DRAWN[ladder.setting]
    drawn = [make(d, ladder.most, draw.generator(ladder.setting, d, repeat)) for repeat in range(sizes.repeats)]
    train = Samples(*(torch.stack(parts) for parts in ([s.inputs for s in drawn], [s.labels for s in drawn])))
    whole = distributions.WHOLE.get(ladder.setting)
    test = whole(d) if whole else make(d, sizes.test, draw.secret(ladder.setting, d, "test"))
    return Rung(ladder, d, train, test)


def _on_canvases(ladder: Ladder, d: int, source: Source, sizes: ArchitectureBudget, draw: Draw) -> Rung:
    side = round(d**0.5)
    if side * side != d or side < sizes.tile:
        raise DataError(f"canvases of {d} pixels are no square of {sizes.tile} pixels a side or more; choose another")
    shape = (sizes.repeats, ladder.most)
    tiles = _tiles(source, sizes, draw, "train", sizes.repeats * ladder.most)
    train = distributions.canvases(*tiles, side, draw.generator(CANVASES, d))
    asked = _tiles(source, sizes, draw, "test", sizes.test)
    test = distributions.canvases(*asked, side, draw.secret(CANVASES, d, "test"))
    return Rung(ladder, d, Samples(train.inputs.unflatten(0, shape), train.labels.unflatten(0, shape)), test)


@lru_cache(maxsize=4)
def _tiles(source: Source, sizes: ArchitectureBudget, draw: Draw, split: Split, count: int) -> tuple[Tensor, Tensor]:
    """So many grey tiles in [0, 1] of two classes, in a random order, and their labels."""
    found = source.images(split, classes=[0, 1], per_class=-(-count // 2), size=sizes.tile, draw=draw)
    grey = found.images[:count].float().mean(1, keepdim=True) / 255
    if grey.shape[-2:] != (sizes.tile, sizes.tile):
        grey = F.interpolate(grey, (sizes.tile, sizes.tile), mode="area")
    return grey, found.labels[:count]


def _of_colours(ladder: Ladder, d: int, source: Source, sizes: ArchitectureBudget, draw: Draw) -> Rung:
    """Training sets are random orders of one set of images: the larger they are, the more they share."""
    side = round((d / 3) ** 0.5)
    if 3 * side * side != d:
        raise DataError(f"colour images of {d} numbers are no squares; choose 3 times a square")
    train = _coloured(_images(source, "train", _POOL, draw), side, source.entry.name)
    test = _coloured(_images(source, "test", sizes.test, draw), side, source.entry.name)
    if len(train.labels) < ladder.most:
        raise DataError(
            f"dataset {source.entry.name!r} has {len(train.labels)} training images, and the track asks for up to "
            f"{ladder.most}; choose a larger one"
        )
    order = torch.stack(
        [
            torch.randperm(len(train.labels), generator=draw.generator(ENERGIES, repeat))[: ladder.most]
            for repeat in range(sizes.repeats)
        ]
    )
    return Rung(ladder, d, Samples(train.inputs[order], train.labels[order]), test)


def _images(source: Source, split: Split, count: int, draw: Draw) -> LabelledImages:
    if isinstance(source.entry.dataset, ProceduralDataset):
        each = -(-count // source.class_count())
        return source.images(split, classes=list(range(source.class_count())), per_class=each, size=32, draw=draw)
    found = source.read(split)
    order = torch.randperm(len(found.labels), generator=draw.generator(split))[:count]
    return LabelledImages(found.images[order], found.labels[order], found.classes)


def _coloured(images: LabelledImages, side: int, name: str) -> Samples:
    if images.images.shape[1] != 3:
        raise DataError(
            f"dataset {name!r} is grey, and the question is which colour has more energy; choose one in RGB"
        )
    return distributions.energies(images.images.float() / 255, side)
