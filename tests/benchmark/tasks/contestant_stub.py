"""A contestant whose answers are known beforehand: what tests of rules judge in place of a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.tasks.answers import Reply


class StubContestant:
    """Keeps `benchmark.tasks.rules.Contestant`; tests say in `answered` what a call returns, and note what they like.

    spent: seconds of every phase
    """

    reference = False
    spent = 2.0

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        """Return what the method would."""
        raise NotImplementedError

    def call(self, name: str, *arguments: Any, reply: Reply | None = None, phase: str | None = None) -> Any:
        found = self.answered(name, arguments, phase)
        return found if reply is None else reply.read(found, name)

    def burst(
        self, name: str, calls: Sequence[tuple[Any, ...]], *, phase: str, reply: Reply | None = None
    ) -> list[Any]:
        return [self.call(name, *arguments, reply=reply, phase=phase) for arguments in calls]

    def peak(self, name: str, *arguments: Any, phase: str, reply: Reply | None = None) -> tuple[Any, int | None]:
        return self.call(name, *arguments, reply=reply, phase=phase), None

    def seconds(self, phase: str) -> float:
        return self.spent
