"""Where a job's data come from: the dataset of its budget, or the one that the job names in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark import identity
from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import (
    BoxDataset,
    ControlDataset,
    DatasetEntry,
    FixedDataset,
    LabelledImages,
    ProceduralDataset,
    Split,
    Stored,
    catalogue,
)
from benchmark.errors import DataError, HeptathlonError
from benchmark.machine.paths import data_root
from benchmark.seeding import Draw, derive


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset, asked for images in the same words whether it is drawn or read."""

    entry: DatasetEntry
    root: Path

    @classmethod
    def of(cls, entry: DatasetEntry) -> Source:
        """The dataset with the user's data root."""
        return cls(entry, data_root())

    def missing(self) -> str | None:
        """Return None if the data can be read now, else what is missing and the remedy."""
        dataset = self.entry.dataset
        with _named(self.entry):
            if isinstance(dataset, Stored):
                return dataset.missing(self.root)
            return dataset.missing() if isinstance(dataset, ControlDataset) else None

    def fingerprint(self) -> str:
        """Name and content hash: equal for two runs exactly if they saw the same data."""
        dataset: Any = self.entry.dataset
        with _named(self.entry):
            content = dataset.fingerprint(self.root) if isinstance(dataset, Stored) else dataset.fingerprint()
        return f"{self.entry.name}:{content}"

    def code(self) -> str:
        """Hash of the code that makes the data, as its plug-in reaches it."""
        return identity.digest_of_origin(self.entry.origin)

    @property
    def drawn(self) -> bool:
        """Whether data are drawn from a seed rather than read from disk; a dataset that may be either says which."""
        dataset = self.entry.dataset
        return isinstance(dataset, ProceduralDataset) or bool(getattr(dataset, "drawn", False))

    def classes(self) -> tuple[str, ...]:
        """Names of all classes."""
        dataset = self.entry.dataset
        if isinstance(dataset, BoxDataset):
            with _named(self.entry):
                return dataset.categories(self.root)
        return dataset.classes if isinstance(dataset, ProceduralDataset) else self.read("test").classes

    def class_count(self) -> int:
        """How many classes there are."""
        return len(self.classes())

    def read(self, split: Split) -> LabelledImages:
        """Read one split of a fixed dataset, kept in memory between jobs. Raises DataError if it is missing."""
        dataset = self.entry.dataset
        if not isinstance(dataset, FixedDataset):
            what = "an environment" if isinstance(dataset, ControlDataset) else "drawn from a seed"
            what = "images with boxes" if isinstance(dataset, BoxDataset) else what
            raise DataError(f"dataset {self.entry.name!r} is {what} and has no {split!r} split to read")
        return _read(self.entry, self.root, split)

    def images(
        self, split: Split, *, classes: list[int], per_class: int | None, size: int, draw: Draw
    ) -> LabelledImages:
        """Labelled images of the listed classes; labels index the list.

        per_class: how many of each, or None for all that a fixed dataset has;  size: side in pixels of drawn images
        (images on disk keep theirs);  draw: whose seed says which images and in which order; drawn images of "test"
        are also from its salt. Raises DataError if the dataset has fewer.
        """
        dataset = self.entry.dataset
        where = derive(draw.seed, split, draw.salt) if split == "test" else derive(draw.seed, split)
        if isinstance(dataset, ProceduralDataset):
            if per_class is None:
                raise DataError(f"dataset {self.entry.name!r} is drawn: say how many images per class")
            with _named(self.entry):
                return dataset.draw(classes=classes, per_class=per_class, size=size, seed=where)
        seed = derive(draw.seed, split)
        return _choose(self.read(split), self.entry.name, classes=classes, per_class=per_class, seed=seed)

    def boxed(
        self, split: Split, *, size: tuple[int, int], count: int | None, draw: Draw, spread: float = 1.0
    ) -> BoxedImages:
        """Images with boxes, brought to `size` (height, width) in pixels without keeping their aspect.

        count: how many, or None for all on disk in their order, which are kept in memory between jobs;  draw: whose
        seed says which; drawn images of "test" are also from its salt;  spread: share of each axis in which objects'
        centres lie, 1 for images on disk. Raises DataError if the dataset has fewer or no boxes.
        """
        dataset = self.entry.dataset
        if not isinstance(dataset, BoxDataset):
            known = ", ".join(entry.name for entry in catalogue if isinstance(entry.dataset, BoxDataset))
            raise DataError(f"dataset {self.entry.name!r} has no boxes; choose one of {known or 'your own'}")
        if self.drawn and count is None:
            raise DataError(f"dataset {self.entry.name!r} is drawn: say how many images")
        if count is None and spread == 1.0:
            return _boxed(self.entry, self.root, split, size)
        secret = self.drawn and split == "test"
        seed = derive(draw.seed, split, draw.salt) if secret else derive(draw.seed, split)
        with _named(self.entry):
            return dataset.boxed(split, root=self.root, size=size, count=count, seed=seed, spread=spread)

    def pool(
        self, stream: Split, *, classes: Sequence[int], per_class: int | None, size: int, draw: Draw
    ) -> LabelledImages:
        """Labelled images of the listed classes: of a fixed dataset from both splits, drawn ones from one stream.

        stream: "train" for what contestants learn from, "test" for what they are judged on;  the rest as in `images`.
        """
        import torch

        chosen = list(classes)
        if isinstance(self.entry.dataset, ProceduralDataset):
            return self.images(stream, classes=chosen, per_class=per_class, size=size, draw=draw)
        parts = [self.read("train"), self.read("test")]
        both = LabelledImages(
            torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]), parts[0].classes
        )
        return _choose(both, self.entry.name, classes=chosen, per_class=per_class, seed=derive(draw.seed, "pool"))


@lru_cache(maxsize=4)
def _read(entry: DatasetEntry, root: Path, split: Split) -> LabelledImages:
    assert isinstance(entry.dataset, FixedDataset)
    with _named(entry):
        return entry.dataset.load(split, root=root)


@lru_cache(maxsize=4)
def _boxed(entry: DatasetEntry, root: Path, split: Split, size: tuple[int, int]) -> BoxedImages:
    assert isinstance(entry.dataset, BoxDataset)
    with _named(entry):
        return entry.dataset.boxed(split, root=root, size=size, count=None, seed=0, spread=1.0)  # nothing to choose


@contextmanager
def _named(entry: DatasetEntry) -> Iterator[None]:
    """Turn whatever a dataset plug-in raises into an error that names it."""
    try:
        yield
    except HeptathlonError:
        raise
    except Exception as error:
        raise DataError(f"dataset {entry.name!r} failed with {type(error).__name__}: {error}") from error


def _choose(pool: LabelledImages, name: str, *, classes: list[int], per_class: int | None, seed: int) -> LabelledImages:
    """Take a seeded choice of `per_class` images of each class, in a seeded order."""
    import torch

    from benchmark.seeding import generator

    outside = [index for index in classes if index >= len(pool.classes)]
    if outside:
        raise DataError(
            f"dataset {name!r} has {len(pool.classes)} classes, and the track asks for class {outside[0] + 1}; "
            "choose a dataset with more classes"
        )
    picked = []
    labels = []
    for label, index in enumerate(classes):
        members = (pool.labels == index).nonzero().squeeze(1)
        if per_class is not None and len(members) < per_class:
            raise DataError(
                f"dataset {name!r} has {len(members)} images of class {pool.classes[index]!r}, and the track asks for "
                f"{per_class}; choose a larger dataset or a smaller tier"
            )
        order = torch.randperm(len(members), generator=generator(seed, "choose", index))
        picked.append(members[order[:per_class]])
        labels.append(torch.full((len(picked[-1]),), label))
    chosen = torch.cat(picked)
    order = torch.randperm(len(chosen), generator=generator(seed, "order"))
    return LabelledImages(
        pool.images[chosen[order]], torch.cat(labels)[order], tuple(pool.classes[index] for index in classes)
    )
