"""Datasets as the harness sees them: a catalogue of plug-ins, each with licence, source and content hash.

A `FixedDataset` holds given images on disk; a `ProceduralDataset` draws any number from a seed; a `ControlDataset`
answers actions with frames; a `VectorDataset` draws what attention attends to; a `SequenceDataset` draws tokens with
their classes; a `BoxDataset` has images with boxes, read or drawn; further kinds are at home beside what they hold
(`benchmark.data.kinds` lists all). Only `fetch` downloads, and only the user calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, runtime_checkable

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.errors import DataError, DuplicateNameError, unknown
from benchmark.identity import registrar
from benchmark.results.job import check_name

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.control.environment import ControlEnv
    from benchmark.data.control.shifts import Shift

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images with their classes.

    images: (n, channels, height, width) uint8;  labels: (n,) int64 in [0, len(classes));  classes: one name each
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or str(self.images.dtype) != "torch.uint8":
            raise DataError(
                f"images are {tuple(self.images.shape)} {self.images.dtype}; a dataset must give uint8 images of shape "
                "(n, channels, height, width)"
            )
        if tuple(self.labels.shape) != (len(self.images),):
            raise DataError(f"{len(self.images)} images but labels of shape {tuple(self.labels.shape)}")


@dataclass(frozen=True, slots=True)
class LabelledSequences:
    """Sequences with their classes.

    tokens: (n, length, fields) uint8 or int64, whole numbers from 0;  labels: (n,) int64
    """

    tokens: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.tokens.ndim != 3 or str(self.tokens.dtype) not in ("torch.uint8", "torch.int64"):
            raise DataError(
                f"tokens are {tuple(self.tokens.shape)} {self.tokens.dtype}; a dataset must give uint8 or int64 tokens "
                "of shape (n, length, fields)"
            )
        if tuple(self.labels.shape) != (len(self.tokens),):
            raise DataError(f"{len(self.tokens)} sequences but labels of shape {tuple(self.labels.shape)}")


@runtime_checkable
class Stored(Protocol):
    """What may lie under the data root."""

    def missing(self, root: Path) -> str | None:
        """Return None if the files are there, else a sentence that names them and where to put them."""

    def fingerprint(self, root: Path) -> str:
        """Return the content hash of the files (cached by path, size and modification time)."""

    def fetch(self, root: Path) -> None:
        """Download into `root`. Called for `heptathlon data fetch` only; raises DataError if it cannot."""


@runtime_checkable
class FixedDataset(Stored, Protocol):
    """Given images under the data root, in a train and a test split."""

    def load(self, split: Split, *, root: Path) -> LabelledImages:
        """Read one split. Raises DataError, with the remedy, if files are missing or damaged."""


@runtime_checkable
class ProceduralDataset(Protocol):
    """Images made from a seed; embedded, so that the quick tier needs no file."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes that can be drawn."""

    def fingerprint(self) -> str:
        """Return the hash of what decides the images, besides the arguments of `draw`."""

    def draw(self, *, classes: Sequence[int], per_class: int, size: int, seed: int) -> LabelledImages:
        """Draw `per_class` images (1, size, size) of each listed class; labels index the list; order is shuffled."""


@runtime_checkable
class ScriptedDataset(ProceduralDataset, Protocol):
    """Procedural characters, grouped by script."""

    @property
    def scripts(self) -> Mapping[str, tuple[int, ...]]:
        """Class indices of each script, in order."""


@runtime_checkable
class ControlDataset(Protocol):
    """A control task observed as pixels, for tracks in which what is seen depends on what was done."""

    def missing(self) -> str | None:
        """Return None if it can be made here, else a sentence that names what is missing and the remedy."""

    def fingerprint(self) -> str:
        """Return the hash of what decides episodes and frames, besides the arguments of `environment`."""

    def environment(self, *, count: int, size: int, horizon: int, shift: Shift) -> ControlEnv:
        """Make `count` copies, stepped together, with frames of `size` pixels a side.

        shift: how they look;  horizon: steps until all are truncated. Their episodes follow from `reset(seed=...)`.
        """


@runtime_checkable
class VectorDataset(Protocol):
    """Queries, keys and values, for tracks in which attention itself is judged."""

    def fingerprint(self) -> str:
        """Return the hash of what decides them, besides the arguments of `vectors`."""

    def vectors(self, *, batch: int, heads: int, length: int, dim: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw queries, keys and values (batch, heads, length, dim) float32; any stretch of tokens is like another."""


@runtime_checkable
class SequenceDataset(Protocol):
    """Sequences with a question each, whose answer is a class: the last token is where a network answers."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes."""

    def fingerprint(self) -> str:
        """Return the hash of what decides the sequences, besides the arguments of `sequences`."""

    def fields(self, length: int) -> tuple[int, ...]:
        """For sequences of that length: how many values each field of a token may have."""

    def sequences(self, *, count: int, length: int, seed: int) -> LabelledSequences:
        """Draw so many of that length, classes equally frequent up to one. Raises DataError if it is too short."""


@runtime_checkable
class BoxDataset(Stored, Protocol):
    """Images with boxes, asked for in the same words whether read or drawn; drawn ones miss and fetch nothing."""

    @property
    def drawn(self) -> bool:
        """Whether images are drawn from a seed, in any number, rather than read from disk."""

    def categories(self, root: Path) -> tuple[str, ...]:
        """Names of all classes. Raises DataError if the files that say so are missing or damaged."""

    def boxed(
        self, split: Split, *, root: Path, size: tuple[int, int], count: int | None, seed: int, spread: float
    ) -> BoxedImages:
        """Draw or read `count` images, brought to `size` (height, width). Raises DataError for what it cannot give.

        count: None for all on disk, in their order, else a choice by `seed`, made before any is decoded;
        spread: share of each axis in which objects' centres lie; 1 is everywhere, and all that images on disk take.
        """


D = TypeVar("D", bound=type)


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A registered dataset: what it is, under which licence, from where.

    dataset: of one of the kinds in `benchmark.data.kinds`;  origin: the plug-in file that made it;  gives_way: a
    plug-in may take the name, as of a user's folder.
    """

    name: str
    title: str
    licence: str
    source: str
    dataset: object
    origin: str
    gives_way: bool = False


@dataclass
class Catalogue:
    """The registry of datasets; plug-ins register on the one instance, `catalogue`."""

    entries: dict[str, DatasetEntry] = field(default_factory=dict)

    def add(self, name: str, *, title: str, licence: str, source: str) -> Callable[[D], D]:
        """Class decorator: register an instance of the class, built without arguments, under `name`."""

        def register(cls: D) -> D:
            self.put(DatasetEntry(name, title, licence, source, cls(), registrar(cls)))
            return cls

        return register

    def put(self, entry: DatasetEntry) -> None:
        """Register an entry. Raises UsageError for a name that cannot be one, DuplicateNameError if it is taken."""
        check_name("dataset", entry.name)
        if entry.name in self.entries and not self.entries[entry.name].gives_way:
            raise DuplicateNameError(f"dataset {entry.name!r} is registered already; choose another name")
        self.entries[entry.name] = entry

    def find(self, name: str) -> DatasetEntry:
        """Return the entry of that name. Raises UnknownNameError with a suggestion."""
        try:
            return self.entries[name]
        except KeyError:
            raise unknown("dataset", name, self.entries) from None

    def __iter__(self) -> Iterator[DatasetEntry]:
        return iter(sorted(self.entries.values(), key=lambda entry: entry.name))


catalogue = Catalogue()
