"""Parallel text of the user's own: `<name>/source.txt` and one `<name>/<language>.txt` each, line by line translations.

An empty line is a sentence that the language lacks: that is how low-resource languages come about. `families.txt`, if
there, has lines "<language> <family>"; a language that it does not name is a family of its own. Files are UTF-8.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path

from benchmark.data.cache import content_hash
from benchmark.data.catalogue import Catalogue, Split
from benchmark.data.own_folders import register
from benchmark.data.texts.parallel import Language, ParallelText
from benchmark.errors import DataError
from benchmark.seeding import derive, numpy_generator

SOURCE, FAMILIES = "source.txt", "families.txt"
TEST_SHARE = 10
"""Of so many source sentences one is for tests, by a hash of its words: equal sentences are on one side."""


class TextFolder:
    """See `ParallelDataset`. name: of the folder below the root."""

    drawn = False

    def __init__(self, name: str) -> None:
        self._name = name

    def missing(self, root: Path) -> str | None:
        """See `Stored.missing`."""
        if has_layout(root / self._name):
            return None
        return (
            f"no parallel text at {root / self._name}; put {SOURCE} and <language>.txt there, translated line by line"
        )

    def fingerprint(self, root: Path) -> str:
        """See `Stored.fingerprint`."""
        return content_hash([(path.name, path) for path in self._files(root, everything=True)])

    def fetch(self, root: Path) -> None:
        """Raise DataError: the text is the user's own and has no address."""
        raise DataError(self.missing(root) or f"{root / self._name} is the user's own; there is nothing to download")

    def languages(self, root: Path) -> tuple[Language, ...]:
        """See `ParallelDataset.languages`: by family, then by name."""
        paths = {path.stem: path for path in self._files(root)}
        families = _families(root / self._name / FAMILIES)
        stray = sorted(set(families) - set(paths))
        if stray:
            raise DataError(f"{root / self._name / FAMILIES} names {stray[0]!r}, of which there is no {stray[0]}.txt")
        counts = {name: sum(map(bool, self._lines(path))) for name, path in paths.items()}
        empty = [name for name, count in counts.items() if not count]
        if empty:
            raise DataError(f"{paths[empty[0]]} has no sentence; remove it or fill it")
        most = max(counts.values())
        found = [Language(name, families.get(name, name), count / most) for name, count in counts.items()]
        return tuple(sorted(found, key=lambda language: (language.family, language.name)))

    def lexicon(self, root: Path, *, language: int, world: int) -> tuple[str, ...]:
        """See `ParallelDataset.lexicon`: not known."""
        return ()

    def parallel(
        self, split: Split, *, root: Path, language: int, count: int | None, seed: int, world: int
    ) -> ParallelText:
        """See `ParallelDataset.parallel`. Raises DataError if the language has fewer sentences."""
        path = root / self._name / f"{self.languages(root)[language].name}.txt"
        sources, lines = self._lines(path.with_name(SOURCE)), self._lines(path)
        if len(lines) != len(sources):
            raise DataError(
                f"{path} has {len(lines)} lines and {SOURCE} {len(sources)}; give each sentence a line in both, empty "
                "where there is no translation"
            )
        wanted = split == "test"
        pairs = [pair for pair in zip(sources, lines, strict=True) if all(pair)]
        pairs = [pair for pair in pairs if (derive("test", *pair[0].split()) % TEST_SHARE == 0) == wanted]
        if len(pairs) < (count or 1):
            raise DataError(f"{path} has {len(pairs)} sentences for {split}, and the track asks for {count or 'some'}")
        order = numpy_generator(seed, "choose").permutation(len(pairs))[:count].tolist() if count else range(len(pairs))
        return ParallelText(tuple(pairs[place][0] for place in order), tuple((pairs[place][1],) for place in order))

    def _files(self, root: Path, *, everything: bool = False) -> list[Path]:
        where = root / self._name
        if not has_layout(where):
            raise DataError(str(self.missing(root)))
        return [path for path in sorted(where.glob("*.txt")) if everything or path.name not in (SOURCE, FAMILIES)]

    def _lines(self, path: Path) -> tuple[str, ...]:
        return _read(path, path.stat().st_mtime_ns, path.stat().st_size)


def has_layout(folder: Path) -> bool:
    """Whether a folder has parallel text: a source and at least one translation."""
    if not (folder / SOURCE).is_file():
        return False
    return any(path.name not in (SOURCE, FAMILIES) for path in folder.glob("*.txt"))


def register_texts(root: Path, catalogue: Catalogue) -> None:
    """Register each folder of parallel text below `root` under its name."""
    register(root, catalogue, has_layout=has_layout, make=TextFolder, what="parallel text", origin=__file__)


@lru_cache(maxsize=64)
def _read(path: Path, mtime: int, size: int) -> tuple[str, ...]:
    """Lines with words apart by one space each; mtime and size: so that a changed file is read again."""
    try:
        return tuple(" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error}); convert it, as by iconv -t UTF-8") from None


def _families(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    bad = next((line for line in lines if len(line) != 2), None)
    if bad:
        raise DataError(f"{path} has the line {' '.join(bad)!r}; a line is a language and its family")
    twice = [name for name, count in Counter(name for name, _ in lines).items() if count > 1]
    if twice:
        raise DataError(f"{path} names {twice[0]!r} twice; give each language one family")
    return {line[0]: line[1] for line in lines}
