"""Loads plug-in files into this process: ours into the judge's, a user's into a process of its own.

Plug-ins are files, never packages: each is loaded by path under a private module name, so a folder may be called
`datasets` without shadowing anybody, and one broken file hurts no other.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.catalogue import catalogue
from benchmark.data.kinds import kind_of
from benchmark.errors import DataError, PluginError, UsageError
from benchmark.identity import ROOT, registering_from
from benchmark.tasks import all_tracks

MODULE = "module:"
"""Begins the origin of a plug-in that is a module of an installed package."""
_loaded: set[str] = set()


@dataclass(frozen=True, slots=True)
class Problem:
    """A plug-in that could not be loaded: which, at which line, and why."""

    origin: str
    line: int | None
    message: str

    def __str__(self) -> str:
        where = f"{self.origin}:{self.line}" if self.line else self.origin
        return f"plug-in {where}: {self.message}; its methods are left out"


def bundled(kind: str) -> Path:
    """Our own folder of `methods` or `datasets`: inside the package in a wheel, beside it in a checkout."""
    inside = ROOT / "benchmark" / kind
    return inside if inside.is_dir() else ROOT / kind


def files_of(paths: Iterable[Path]) -> Iterator[str]:
    """Origins of the files, and of each `*.py` below the folders. Raises UsageError for a path that does not exist."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"no plug-in at {path}; --plugin takes a Python file or a folder of them")
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield str(file.resolve())


def load_paths(paths: Iterable[Path]) -> list[Problem]:
    """Load files, and those below folders, once; return what failed. Raises UsageError as `files_of`."""
    return [problem for origin in files_of(paths) if (problem := attempt(origin))]


def load_origin(origin: str) -> None:
    """Load the one plug-in that an entry names as its origin, in place of what was only read of it.

    Raises PluginError with file and line if it fails.
    """
    if origin not in _loaded:
        for track in all_tracks():
            track.entries = {name: entry for name, entry in track.entries.items() if entry.origin != origin}
        catalogue.entries = {name: entry for name, entry in catalogue.entries.items() if entry.origin != origin}
    problem = attempt(origin)
    if problem:
        raise PluginError(str(problem))


def attempt(origin: str) -> Problem | None:
    """Load one plug-in, all of it or, if it fails anywhere, nothing of it."""
    if origin in _loaded:
        return None
    module = origin.removeprefix(MODULE) if origin.startswith(MODULE) else None
    load = _import if module else _execute
    try:
        with registering_from(origin), undone_on_error():
            load(module or origin)
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything; it must not take the harness along
        return Problem(origin, _line_within(error, origin), f"{type(error).__name__}: {error}")
    except SystemExit as error:
        return Problem(origin, _line_within(error, origin), f"called sys.exit({error.code!r})")
    _loaded.add(origin)
    return None


def _import(module: str) -> None:
    importlib.import_module(module)
    _check_kinds(MODULE + module)


def _check_kinds(origin: str) -> None:
    for entry in catalogue:
        try:
            if entry.origin == origin:
                kind_of(entry.dataset)
        except DataError as error:
            raise DataError(f"dataset {entry.name!r}: {error}") from None


def _execute(path: str) -> None:
    name = f"_heptathlon_plugin_{hashlib.blake2b(path.encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(Path(path).parent)
    if not Path(path).is_relative_to(ROOT) and folder not in sys.path:
        sys.path.append(folder)  # a user's file may import its neighbours; last, so that it hides no package
    sys.modules[name] = module  # dataclasses and typing look their module up by name
    try:
        spec.loader.exec_module(module)
        _check_kinds(path)
    except BaseException:
        del sys.modules[name]
        raise


@contextmanager
def undone_on_error() -> Iterator[None]:
    """Take back every registration made inside if the block fails."""
    tracks = list(all_tracks())
    before = [dict(track.entries) for track in tracks]
    datasets = dict(catalogue.entries)
    try:
        yield
    except BaseException:
        for track, entries in zip(tracks, before, strict=True):
            track.entries = entries
        catalogue.entries = datasets
        raise


def _line_within(error: BaseException, path: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return lines[-1] if lines else None
