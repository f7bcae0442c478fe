"""A contestant for the timing tracks: answers by functions, and says how long it took by another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmark.tasks.answers import Reply
from tests.benchmark.tasks.contestant_stub import StubContestant

Cost = Callable[[str, int], float]


class TimedStub(StubContestant):
    """cost(name, length): seconds of a call;  bytes(length): what `peak` says;  answers: by name of the call."""

    def __init__(self, cost: Cost, answers: dict[str, Callable[..., Any]], peak: Callable[[int], int | None]) -> None:
        self._cost, self._answers, self._peak = cost, answers, peak
        self._seconds: dict[str, float] = defaultdict(float)
        self.calls: list[tuple[str, tuple[Any, ...], str]] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        phase = phase or name
        self.calls.append((name, arguments, phase))
        self._seconds[phase] += self._cost(name, arguments[0].shape[2] if arguments else 0)
        return self._answers[name](*arguments)

    def peak(self, name: str, *arguments: Any, phase: str, reply: Reply | None = None) -> tuple[Any, int | None]:
        return self.call(name, *arguments, reply=reply, phase=phase), self._peak(arguments[0].shape[2])

    def seconds(self, phase: str) -> float:
        return self._seconds[phase]

    def sent(self, phase: str) -> list[tuple[Any, ...]]:
        return [arguments for _, arguments, called in self.calls if called == phase]
