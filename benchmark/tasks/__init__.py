"""The tasks, a folder each, whose docstring is the rule book. Dropping a folder in makes a task."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from benchmark.errors import unknown
from benchmark.tasks.track import Task, Track


@lru_cache(maxsize=1)
def all_tasks() -> tuple[Task, ...]:
    """Every task, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return tuple(importlib.import_module(f"{__name__}.{name}").task for name in names)


def all_tracks() -> Iterator[Track[Any]]:
    """Every track of every task."""
    for task in all_tasks():
        yield from task.tracks


def find_task(name: str) -> Task:
    """Return the task of that name. Raises UnknownNameError with a suggestion."""
    by_name = {task.name: task for task in all_tasks()}
    if name not in by_name:
        raise unknown("task", name, by_name)
    return by_name[name]


def find_track(name: str) -> Track[Any]:
    """Return the track of that name, `forgetting.permuted`. Raises UnknownNameError with a suggestion."""
    by_name = {track.name: track for track in all_tracks()}
    if name not in by_name:
        raise unknown("track", name, by_name)
    return by_name[name]
