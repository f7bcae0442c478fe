"""The contestant: a method in a process of its own, and the proxy through which the judge talks to it.

A call takes three steps, so that the judge's clock covers the method and nothing else: `stage` brings the arguments
over and onto the device, `run` calls the method and synchronises the device (this one is timed), then the reply follows
in a message of its own. Labels of evaluation data, the clock and the score never leave the judge.

Threat model. This stops mistakes and cheap cheats: a method cannot see answers, stop the clock, or hand the judge an
object that runs code. It is no sandbox: a contestant has the user's rights on this machine. Run code that you do not
trust inside a container.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.contestant.process import Spec, serve
from benchmark.errors import ContestantError
from benchmark.machine import meters
from benchmark.processes import forkserver, wire
from benchmark.results.record import FAILURES

if TYPE_CHECKING:
    from benchmark.tasks.answers import Reply

_MAX_REPLY = 2**31 - 1
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5.0
_FITS_A_PIPE = 2**14


@dataclass(frozen=True, slots=True)
class Limits:
    """What a contestant may use. seconds: wall time inside the method, over the whole job;  bytes: its own memory."""

    seconds: float
    bytes: int


class Remote:
    """A method in a process of its own. Use as a context manager: leaving it ends the process, come what may."""

    def __init__(self, spec: Spec, limits: Limits, *, reference: bool = False) -> None:
        self.reference = reference
        self.clock = meters.Clock()
        self.usage = meters.Usage(None, None, None)
        self.start_bytes: int | None = None
        self.peak_device_bytes: int | None = None
        self._spec = spec
        self._limits = limits
        self._spent = 0.0

    def __enter__(self) -> Remote:
        handle, name = tempfile.mkstemp(prefix="heptathlon-", suffix=".log")
        os.close(handle)
        self._log = Path(name)
        forkserver.start()
        context = multiprocessing.get_context("forkserver")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, name), daemon=True)
        try:
            self._process.start()
        except BaseException:
            self._log.unlink(missing_ok=True)
            raise
        theirs.close()
        try:
            self._request({"do": "hello"}, None)
            self.start_bytes = meters.usage(self._pid).resident_bytes
            self._request({"do": "build", **self._spec.to_wire(), "bytes": self._limits.bytes}, "build")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Note what the process used and end it; may be called again."""
        if self._connection.closed:
            return
        self.usage = meters.usage(self._pid)
        self._kill()
        self._connection.close()
        self._log.unlink(missing_ok=True)

    @property
    def _pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def call(self, name: str, *arguments: Any, reply: Reply | None = None, phase: str | None = None) -> Any:
        """See `Contestant.call`."""
        return self.burst(name, [arguments], phase=phase or name, reply=reply)[0]

    def burst(
        self, name: str, calls: Sequence[tuple[Any, ...]], *, phase: str, reply: Reply | None = None
    ) -> list[Any]:
        """See `Contestant.burst`."""
        self._request({"do": "stage", "name": name, "calls": [list(arguments) for arguments in calls]}, None)
        self._request({"do": "run"}, phase)
        return self._checked(self._answer(), len(calls), name, reply)

    def peak(self, name: str, *arguments: Any, phase: str, reply: Reply | None = None) -> tuple[Any, int | None]:
        """See `Contestant.peak`."""
        self._request({"do": "stage", "name": name, "calls": [list(arguments)]}, None)
        before = self._request({"do": "settle"}, None)
        if resident := before is None:  # the device has no memory of its own
            before = meters.usage(self._pid).resident_bytes if meters.forget_peak(self._pid) else None
        self._request({"do": "work"}, phase)  # taking the reply apart for the way here would count
        after = meters.usage(self._pid).peak_bytes if resident else self._request({"do": "recent_device_bytes"}, None)
        needed = max(0, after - before) if isinstance(before, int) and isinstance(after, int) else None
        return self._checked(self._request({"do": "fetch"}, None), 1, name, reply)[0], needed

    def _checked(self, replies: Any, count: int, name: str, reply: Reply | None) -> list[Any]:
        if not isinstance(replies, list) or len(replies) != count:
            raise ContestantError("invalid_output", f"the contestant sent no list of {count} replies")
        return replies if reply is None else [reply.read(one, name) for one in replies]

    def seconds(self, phase: str) -> float:
        """See `Contestant.seconds`."""
        return self.clock.seconds.get(phase, 0.0)

    def finish(self) -> None:
        """Ask for the peak of device memory, which only the contestant can see; call it once, after judging."""
        peak = self._request({"do": "peak_device_bytes"}, None)
        self.peak_device_bytes = peak if isinstance(peak, int) and peak > 0 else None

    def _request(self, message: dict[str, Any], phase: str | None) -> Any:
        self._send(wire.encode(message))
        if phase is None:
            return self._answer()
        with self.clock.running(phase):
            return self._answer()

    def _answer(self) -> Any:
        reply = self._receive()
        if "failure" in reply:
            raise _failure(reply["failure"])
        return reply.get("value")

    def _send(self, packed: bytes) -> None:
        """Send a message; a contestant that does not take it within its time limit is killed, which ends the call."""
        start = time.perf_counter()
        watchdog = threading.Timer(max(self._left(start), 0.0), self._kill)
        if len(packed) > _FITS_A_PIPE:  # a smaller one is never held up: the pipe is empty between calls
            watchdog.start()
        try:
            self._connection.send_bytes(packed)
        except OSError:
            self._check(start)
            raise self._died() from None
        finally:
            watchdog.cancel()
            self._spent += time.perf_counter() - start

    def _receive(self) -> dict[str, Any]:
        start = time.perf_counter()
        try:
            while not self._connection.poll(min(_POLL_SECONDS, max(self._left(start), 0.0))):
                self._check(start)
            reply = wire.decode(self._connection.recv_bytes(_MAX_REPLY))
        except (EOFError, ConnectionError):
            raise self._died() from None
        except (OSError, wire.WireError) as error:
            self._kill()
            raise ContestantError("invalid_output", f"the contestant sent what is no reply: {error}") from None
        finally:
            self._spent += time.perf_counter() - start
        if not isinstance(reply, dict):
            raise ContestantError("invalid_output", f"the contestant replied {type(reply).__name__}")
        return reply

    def _left(self, start: float) -> float:
        return self._limits.seconds - self._spent - (time.perf_counter() - start)

    def _check(self, start: float) -> None:
        """Kill a contestant beyond its limits. The process limits its own allocations too; this does not trust it."""
        if self._left(start) <= 0:
            self._kill()
            raise ContestantError(
                "timeout",
                f"no answer within the time limit of {self._limits.seconds:g} s; it was stopped. "
                "Raise it with --time-limit",
                self._last_lines(),
            )
        resident = meters.usage(self._pid).resident_bytes
        if resident is not None and resident - (self.start_bytes or 0) > self._limits.bytes:
            self._kill()
            raise ContestantError(
                "out_of_memory",
                f"{resident - (self.start_bytes or 0)} bytes in use, over the limit of {self._limits.bytes}; it was "
                "stopped. Raise it with --memory-limit",
                self._last_lines(),
            )

    def _died(self) -> ContestantError:
        self._process.join(_GRACE_SECONDS)
        code = self._process.exitcode
        details = self._last_lines()
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = "; the kernel does this when memory runs out" if name == "SIGKILL" else ""
            return ContestantError("crashed", f"the contestant's process was killed by {name}{hint}", details)
        return ContestantError("crashed", f"the contestant's process ended by itself with exit code {code}", details)

    def _last_lines(self, count: int = 20) -> str:
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    def _kill(self) -> None:
        """End the process and all that it started; it leads a process group of its own.

        Does not wait: taking down a process of this size lasts 20 ms, and the fork server reaps it.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        if self._process.exitcode is None:  # it may not have got as far as leading a group
            self._process.kill()


def _failure(reply: Any) -> ContestantError:
    """The failure that a contestant reports of itself; it need not be well formed."""
    if isinstance(reply, list) and len(reply) == 3 and reply[0] in FAILURES:
        return ContestantError(reply[0], str(reply[1]), str(reply[2]))
    return ContestantError("invalid_output", "the contestant reported a failure that is none")
