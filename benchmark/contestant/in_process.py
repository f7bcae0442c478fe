"""A contestant in the judge's own process: for a debugger, which wants the method within reach."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.contestant.process import Method, Spec, failure_of
from benchmark.errors import ContestantError
from benchmark.machine import meters
from benchmark.processes import wire

if TYPE_CHECKING:
    from benchmark.tasks.answers import Reply


class InProcess:
    """The same calls in the judge's own process, for a debugger. No limits, and its records never rank."""

    start_bytes = peak_device_bytes = None  # the judge's own would count too

    def __init__(self, spec: Spec, *, reference: bool = False) -> None:
        self.reference, self.clock = reference, meters.Clock()
        self.usage = meters.Usage(None, None, None)
        self._spec = spec

    def __enter__(self) -> InProcess:
        with _as_failure(), self.clock.running("build"):
            self._method = Method(self._spec)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """See `Remote.leave`: there is no process to end."""

    def finish(self) -> None:
        """See `Remote.finish`: nothing is said of memory."""

    def call(self, name: str, *arguments: Any, reply: Reply | None = None, phase: str | None = None) -> Any:
        """See `Contestant.call`."""
        return self.burst(name, [arguments], phase=phase or name, reply=reply)[0]

    def burst(
        self, name: str, calls: Sequence[tuple[Any, ...]], *, phase: str, reply: Reply | None = None
    ) -> list[Any]:
        """See `Contestant.burst`."""
        with _as_failure():
            self._method.stage(name, wire.decode(wire.encode(list(calls))))
            with self.clock.running(phase):
                self._method.run()
            replies: list[Any] = wire.decode(wire.encode(self._method.fetch()))
        return replies if reply is None else [reply.read(one, name) for one in replies]

    def peak(self, name: str, *arguments: Any, phase: str, reply: Reply | None = None) -> tuple[Any, int | None]:
        """See `Contestant.peak`: the judge's own memory would count too, so nothing is said."""
        return self.call(name, *arguments, phase=phase, reply=reply), None

    def seconds(self, phase: str) -> float:
        """See `Contestant.seconds`."""
        return self.clock.seconds.get(phase, 0.0)


@contextlib.contextmanager
def _as_failure() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ContestantError(*failure_of(error)) from error
