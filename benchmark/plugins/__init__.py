"""Methods and datasets: the files of our folders, of `--plugin PATH`, and entry points of installed packages.

Ours are loaded into the process that asks. A user's never are: a process of its own reads what they register, and what
crosses is data (`reading`); their methods run as contestants, their datasets answer from a process (`datasets`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmark.plugins.loading import Problem, bundled, load_origin, load_paths
from benchmark.plugins.reading import read_entry_points, read_paths

__all__ = [
    "Problem", "bundled", "load", "load_datasets", "load_methods", "load_origin", "load_paths", "read_entry_points",
    "read_paths",
]  # fmt: skip


def load_methods() -> list[Problem]:
    """Load our own methods; return what failed."""
    return load_paths([bundled("methods")])


def load_datasets() -> list[Problem]:
    """Load our own datasets; return what failed."""
    return load_paths([bundled("datasets")])


def load(paths: Iterable[Path] = ()) -> list[Problem]:
    """Load ours and read a user's, of entry points and of the given paths; return what failed.

    Raises UsageError for a path that does not exist.
    """
    return [*load_datasets(), *load_methods(), *read_entry_points(), *read_paths(paths)]
