"""What parallel text is: sentences of a source language beside their translations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from benchmark.data.catalogue import Split, Stored, catalogue
from benchmark.data.source import Source
from benchmark.errors import DataError
from benchmark.seeding import Draw, derive


@dataclass(frozen=True, slots=True)
class Language:
    """A language that is translated into.

    family: a name that related ones share;  share: of the training sentences that the richest language has, in (0, 1]
    """

    name: str
    family: str
    share: float


@dataclass(frozen=True, slots=True)
class ParallelText:
    """Sentences, words apart by spaces.

    sources: one sentence each;  references: its right translations, at least one, of which the first is the one to
    learn from;  glosses: of the first translations, word by word, if the dataset has any
    """

    sources: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    glosses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.references) != len(self.sources) or len(self.glosses) not in (0, len(self.sources)):
            raise DataError(
                f"{len(self.sources)} sentences, {len(self.references)} translations and {len(self.glosses)} glosses; "
                "a dataset must give a translation of each, and a gloss of each or none"
            )
        bare = next((source for source, ways in zip(self.sources, self.references, strict=True) if not ways), None)
        if bare is not None:
            raise DataError(f"the sentence {bare!r} has no translation; a dataset must give one at least")


@runtime_checkable
class ParallelDataset(Stored, Protocol):
    """A source language and its translations, read or drawn; drawn ones miss and fetch nothing."""

    @property
    def drawn(self) -> bool:
        """Whether sentences are drawn from a seed, in any number, rather than read from disk."""

    def languages(self, root: Path) -> tuple[Language, ...]:
        """The languages translated into, those of a family in a row. Raises DataError for missing or damaged files."""

    def lexicon(self, root: Path, *, language: int, world: int) -> tuple[str, ...]:
        """Its word for each of the meanings that all languages name, in the same order; empty if that is not known."""

    def parallel(
        self, split: Split, *, root: Path, language: int, count: int | None, seed: int, world: int
    ) -> ParallelText:
        """`count` sentences with their translations into one language; no content of "test" occurs in "train".

        count: None for all on disk, else a choice by `seed`;  world: seed of the drawn languages themselves. Raises
        DataError for what it cannot give.
        """


@dataclass(frozen=True, slots=True)
class ParallelSource:
    """A `ParallelDataset`, asked with a job's random numbers."""

    source: Source
    draw: Draw

    @property
    def dataset(self) -> ParallelDataset:
        """The dataset. Raises DataError if it is of another kind."""
        found = self.source.entry.dataset
        if not isinstance(found, ParallelDataset):
            known = ", ".join(entry.name for entry in catalogue if isinstance(entry.dataset, ParallelDataset))
            raise DataError(
                f"dataset {self.source.entry.name!r} has no parallel text; choose one of {known or 'your own'}"
            )
        return found

    def languages(self) -> tuple[Language, ...]:
        """See `ParallelDataset.languages`."""
        return self.dataset.languages(self.source.root)

    def lexicon(self, language: int) -> tuple[str, ...]:
        """See `ParallelDataset.lexicon`."""
        return self.dataset.lexicon(self.source.root, language=language, world=derive(self.draw.seed, "world"))

    def text(self, split: Split, language: int, count: int | None) -> ParallelText:
        """See `ParallelDataset.parallel`; drawn sentences of "test" are also from the judge's salt."""
        path = (self.draw.seed, split, language)
        seed = derive(*path, self.draw.salt) if split == "test" and self.source.drawn else derive(*path)
        return self.dataset.parallel(
            split,
            root=self.source.root,
            language=language,
            count=count,
            seed=seed,
            world=derive(self.draw.seed, "world"),
        )
