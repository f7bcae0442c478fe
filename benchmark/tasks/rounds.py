"""Tracks whose metric is a time: their rules, and the contestants of a round, which take turns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.errors import ContestantError
from benchmark.tasks.rules import Budget, Contestant, Outcome, Preparation

if TYPE_CHECKING:
    from benchmark.machine.meters import Clock

FIRST, LAST = "anchor, first", "anchor, last"
"""The two processes of the anchor: the same code, timed at both ends of a turn. No method can have such a name."""


class Rotation:
    """Methods of one round between two anchors.

    methods: by name;  anchors: the processes of the anchor, by `FIRST` and `LAST`;  leave: called with the name of a
    method that fails, at once, so that its process and memory are in nobody's way.
    """

    def __init__(
        self, methods: Mapping[str, Contestant], anchors: Mapping[str, Contestant], leave: Callable[[str], None]
    ) -> None:
        self.failures: dict[str, ContestantError] = {}
        self._methods, self._anchors, self._leave = dict(methods), dict(anchors), leave
        self._turns = 0

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that are still in."""
        return tuple(self._methods)

    def __getitem__(self, name: str) -> Contestant:
        return self._methods[name] if name in self._methods else self._anchors[name]

    def turn(self) -> Iterator[str]:
        """Go round once: the first anchor, every method that is still in, the last. Each turn another begins."""
        names = list(self._methods)
        start = self._turns % max(1, len(names))
        self._turns += 1
        for name in (FIRST, *names[start:], *names[:start], LAST):
            if name in self._methods or name in self._anchors:
                yield name

    @contextmanager
    def trying(self, name: str) -> Iterator[None]:
        """A method that fails inside is out of the round; the failure of an anchor is the harness's and is raised."""
        try:
            yield
        except ContestantError as error:
            if name not in self._methods:
                raise
            self.failures[name] = error
            del self._methods[name]
            self._leave(name)


@dataclass(frozen=True, slots=True)
class RoundBudget(Budget):
    """The size of a tier that is timed. rounds: how many, at least; jobs are numbered by them, as others by seeds."""

    rounds: int


class Rounds(Preparation):
    """The protocol of a track whose metric is a time: in each round all methods are timed side by side.

    A time says little but beside another that was taken by the same clock a moment before. So the methods that run
    take turns, between two processes of one anchor of the harness's, and what ranks is their ratio to it. One that is
    added later joins by that ratio. Rounds stand where others have seeds.
    """

    @abstractmethod
    def anchor(self) -> type:
        """The class that the harness times beside the methods; it keeps the track's Protocol."""

    @abstractmethod
    def judge_round(self, rotation: Rotation, sizes: Any, data: Any, clock: Clock) -> dict[str, Outcome]:
        """Time the contestants in rotation; return the outcomes of those that kept up.

        Raises ContestantError only for the anchor's own failure.
        """
