"""Reads what a user's plug-ins register, each in a process of its own: whatever a file does there ends there.

What crosses is data, and is not believed: a name that is taken or none, an unknown track, words of the wrong type are
that plug-in's problem. Its origin is the file that was asked for, whatever it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from benchmark.data.catalogue import DatasetEntry, catalogue
from benchmark.data.kinds import kind_of
from benchmark.errors import HeptathlonError, PluginError
from benchmark.plugins import datasets
from benchmark.plugins.loading import MODULE, Problem, attempt, files_of, undone_on_error
from benchmark.processes import aside
from benchmark.tasks import all_tracks, find_track
from benchmark.tasks.track import Entry

GROUPS = ("heptathlon.datasets", "heptathlon.methods")
_SECONDS = 60.0
"""Until a plug-in must be loaded."""
_read: set[str] = set()


def read_paths(paths: Iterable[Path]) -> list[Problem]:
    """Register what files, and those below folders, register; return what failed. Raises UsageError as `files_of`."""
    return [problem for origin in list(files_of(paths)) if (problem := read(origin))]


def read_entry_points() -> list[Problem]:
    """The same for modules of installed packages that announce themselves in one of `GROUPS`."""
    points = sorted({point.module for group in GROUPS for point in entry_points(group=group)})
    return [problem for point in points if (problem := read(MODULE + point))]


def read(origin: str) -> Problem | None:
    """Register what one plug-in registers, all of it or, if anything is wrong, nothing of it."""
    if origin in _read:
        return None
    try:
        found = aside.run(registrations, origin, seconds=_SECONDS)
        if found.get("problem"):
            line, message = found["problem"]
            return Problem(origin, line, message)
        with undone_on_error():
            for row in found["methods"]:
                find_track(row["track"]).add(Entry(**row, origin=origin))
            for row in found["datasets"]:
                kind, facts = row.pop("kind"), row.pop("facts")
                dataset = datasets.proxy(kind, facts, origin=origin, name=row["name"])
                catalogue.put(DatasetEntry(**row, dataset=dataset, origin=origin))
    except HeptathlonError as error:
        return Problem(origin, None, f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001  whatever it sent in place of its registrations
        return Problem(origin, None, f"PluginError: what it registers cannot be read ({type(error).__name__}: {error})")
    _read.add(origin)
    return None


def registrations(origin: str) -> dict[str, Any]:
    """Load a plug-in in this process, which is not the judge's, and say what it registered."""
    before = set(catalogue.entries)
    problem = attempt(origin)
    if problem is not None:
        return {"problem": [problem.line, problem.message]}
    methods = [
        {
            "track": track.name,
            "name": entry.name,
            "role": entry.role,
            "paper": entry.paper,
            "faults": entry.faults,
            "tiers": entry.tiers,
        }
        for track in all_tracks()
        for entry in track.entries.values()
        if entry.origin == origin
    ]
    added = [entry for entry in catalogue if entry.name not in before]
    if len({entry.name for entry in added}) != len(added):
        raise PluginError("registers a dataset twice")
    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "licence": entry.licence,
            "source": entry.source,
            "kind": kind_of(entry.dataset),
            "facts": datasets.facts_of(entry.dataset),
        }
        for entry in added
    ]
    return {"methods": methods, "datasets": rows}
