"""A contestant without a process, for sweeps that nobody cheats in, its judging, and a row of a sweep's table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmark.machine.meters import Clock
from benchmark.seeding import Draw
from benchmark.tasks.rules import Outcome
from benchmark.tasks.track import Track


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


def judged(track: Track[Any], method: str, sizes: Any, source: Any, seed: int, options: dict[str, float]) -> Outcome:
    """What judging a method gives at these sizes, with data from `source`."""
    data = track.rules.prepare(sizes, source, Draw(track.name, seed, "local", "cpu"))
    setup = track.setup(seed=seed, track=track.name, device_name="cpu", **track.rules.tell(sizes, data))
    contestant: Any = Direct(track.classes[method](setup, **options))
    outcome: Outcome = track.rules.judge(contestant, sizes, data, Clock())
    return outcome


def row(method: str, words: str, found: Sequence[Sequence[float]]) -> str:
    """A row of a table: the setting in words, and the mean of each column over the seeds found."""
    cells = " | ".join(f"{statistics.fmean(values):.1f}" for values in zip(*found, strict=True))
    return f"| {method} | {words} | {cells} |"
