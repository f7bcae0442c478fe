"""Calls a function on many requests, side by side in processes that it may crash or hang.

They are started by hand: a fork would copy the locks of threads, as polars has them, and `multiprocessing` would import
the caller's script once more, which need not expect it. A process that dies takes one request with it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import cast

SECONDS = 120
"""Wall time that a request may take, far above what any does on a machine with much else to do."""

_START = (
    f"import json, signal, sys; signal.alarm({SECONDS}); sys.path[:] = json.loads(sys.argv[1]); "
    "from reports.studio import easel; easel.main()"
)
_THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_GRACE = 5.0
"""Seconds between a connection that closed and the end of its process."""


def side_by_side(
    function: Callable[[bytes], bytes], requests: Iterable[bytes], processes: int, *, seconds: int = SECONDS
) -> Generator[tuple[int, bytes | str]]:
    """Yield (position of the request, answer) as answers come, or instead of the answer a text that says what happened.

    function: of an importable module; it may use one thread;  processes: at least 1. Raises OSError if none can be
    started.
    """
    todo = enumerate(requests)
    idle: list[_Easel] = []
    busy: dict[Connection, tuple[_Easel, int]] = {}
    try:
        while True:
            while len(busy) < processes and (request := next(todo, None)) is not None:
                easel = idle.pop() if idle else _Easel(function, seconds)
                busy[easel.connection] = easel, request[0]
                easel.send(request[1])
            if not busy:
                return
            for connection in wait(list(busy)):
                easel, position = busy.pop(cast("Connection", connection))
                answer = easel.receive()
                if answer is None:
                    yield position, easel.death()
                else:
                    idle.append(easel)
                    yield position, answer
    finally:
        for easel in [*idle, *(easel for easel, _ in busy.values())]:
            easel.end()


class _Easel:
    """A process that answers one request after the other."""

    def __init__(self, function: Callable[[bytes], bytes], seconds: int) -> None:
        self._seconds = seconds
        self.connection, theirs = Pipe()
        words = [json.dumps(sys.path), str(theirs.fileno()), function.__module__, function.__qualname__, str(seconds)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, *words],
                stdin=subprocess.PIPE,  # it closes when this process ends, however it does
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **dict.fromkeys(_THREADS, "1")},
            )
        finally:
            theirs.close()

    def send(self, request: bytes) -> None:
        """Ask. If the process is gone, `receive` says so."""
        with contextlib.suppress(OSError):
            self.connection.send_bytes(request)

    def receive(self) -> bytes | None:
        """Wait for the answer, None if the process died."""
        try:
            return self.connection.recv_bytes()
        except (EOFError, OSError):
            return None

    def death(self) -> str:
        """How the process ended, which it did or is about to."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        self.end()
        code = self._process.returncode
        if code == -signal.SIGALRM:
            return f"it took longer than {self._seconds} s"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the process that drew it died ({how})"

    def end(self) -> None:
        """End the process, if it runs."""
        self.connection.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def main() -> None:
    """Answer requests, in the process that was started for it, until the other side hangs up."""
    _, _, handle, module, function, seconds = sys.argv
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the process that started this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection, call = Connection(int(handle)), getattr(importlib.import_module(module), function)
    while True:
        signal.alarm(0)
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            return
        signal.alarm(int(seconds))  # ends the process even where code never lets go of the interpreter
        connection.send_bytes(call(request))


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)
