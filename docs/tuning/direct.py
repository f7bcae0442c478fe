"""A contestant without a process, for sweeps that nobody cheats in."""

from __future__ import annotations

from typing import Any


class Direct:
    """Keeps `benchmark.tasks.rules.Contestant` as far as rules of untimed tracks ask."""

    reference = False

    def __init__(self, method: Any) -> None:
        self.method = method

    def call(self, name: str, *arguments: Any, **_: Any) -> Any:
        """See `Contestant.call`."""
        return getattr(self.method, name)(*arguments)

    def seconds(self, phase: str) -> float:
        """See `Contestant.seconds`; nobody asks."""
        return 1.0
