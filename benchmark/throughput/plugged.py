"""Methods and datasets that kernels measure: asked for here, their code is noted as part of the kernel's work."""

from __future__ import annotations

from typing import Any

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.tasks import find_track

_origins: set[str] = set()


def method(track: str, name: str) -> type[Any]:
    """The class of a method of ours."""
    plugins.load_datasets()
    plugins.load_methods()
    found = find_track(track)
    _origins.add(found.find(name).origin)
    return found.classes[name]


def dataset(name: str) -> object:
    """A dataset of ours."""
    plugins.load_datasets()
    entry = catalogue.find(name)
    _origins.add(entry.origin)
    return entry.dataset


def noted() -> list[str]:
    """Files of the plug-ins asked for since the last call."""
    found = sorted(_origins)
    _origins.clear()
    return found
