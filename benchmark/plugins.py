"""Finds methods and datasets: the files of our folders, of `--plugin PATH`, and entry points.

Plug-ins are files, never packages: each is loaded by path under a private module name, so a folder may be called
`datasets` without shadowing anybody, and one broken file hurts no other.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from benchmark.data import catalogue
from benchmark.errors import PluginError, UsageError
from benchmark.task import registering_from
from benchmark.tasks import all_tracks

METHODS_GROUP = "heptathlon.methods"
DATASETS_GROUP = "heptathlon.datasets"
_MODULE = "module:"
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


def load_methods() -> list[Problem]:
    """Load our methods and those of entry points; return what failed."""
    return load_paths([bundled("methods")]) + _load_entry_points(METHODS_GROUP)


def load_datasets() -> list[Problem]:
    """Load our datasets and those of entry points; return what failed."""
    return load_paths([bundled("datasets")]) + _load_entry_points(DATASETS_GROUP)


def bundled(kind: str) -> Path:
    """Our own folder of `methods` or `datasets`: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / kind
    return inside if inside.is_dir() else package.parent / kind


def load_paths(paths: Iterable[Path]) -> list[Problem]:
    """Load each file, and each `*.py` below each folder, once. Raises UsageError for a path that does not exist."""
    problems = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"no plug-in at {path}; --plugin takes a Python file or a folder of them")
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        problems += [problem for file in files if (problem := _attempt(str(file.resolve())))]
    return problems


def load_origin(origin: str) -> None:
    """Load the one plug-in that an entry names as its origin. Raises PluginError with file and line if it fails."""
    problem = _attempt(origin)
    if problem:
        raise PluginError(str(problem))


def _load_entry_points(group: str) -> list[Problem]:
    points = sorted(entry_points(group=group), key=lambda point: point.value)
    return [problem for point in points if (problem := _attempt(_MODULE + point.module))]


def _attempt(origin: str) -> Problem | None:
    """Load one plug-in, all of it or, if it fails anywhere, nothing of it."""
    if origin in _loaded:
        return None
    module = origin.removeprefix(_MODULE) if origin.startswith(_MODULE) else None
    load: Callable[[str], object] = importlib.import_module if module else _execute
    try:
        with registering_from(origin), undone_on_error():
            load(module or origin)
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything; it must not take the harness along
        return Problem(origin, _line_within(error, origin), f"{type(error).__name__}: {error}")
    except SystemExit as error:
        return Problem(origin, _line_within(error, origin), f"called sys.exit({error.code!r})")
    _loaded.add(origin)
    return None


def _execute(path: str) -> None:
    name = f"_heptathlon_plugin_{hashlib.blake2b(path.encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and typing look their module up by name
    try:
        spec.loader.exec_module(module)
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
