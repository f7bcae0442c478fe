"""Work in a process of its own: heavy work of the harness itself, such as training a network, and code of a user's.

A process can be ended at any moment, does not hold up other judges, and leaves no memory or device behind. Functions
are those of importable modules and arguments are data, as for contestants.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from benchmark.errors import DataError, HeptathlonError
from benchmark.processes import forkserver


def run(function: Callable[..., Any], *arguments: Any, seconds: float | None = None) -> Any:
    """Call a function of an importable module with arguments that can cross (see `wire`), on one thread.

    seconds: limit of time, none for work of our own. Raises HeptathlonError if it fails, takes longer, or is ended.
    """
    process = _Process(_call, function)
    try:
        return process.ask(list(arguments), seconds)
    finally:
        process.end()


class Worker:
    """A process that answers requests by a function, and starts with the first.

    function(request, state, *arguments): state is a dictionary that it keeps between requests.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._function, self._arguments = function, arguments
        self._process: _Process | None = None
        self._one_at_a_time = threading.Lock()  # judges are threads

    def ask(self, request: Any) -> Any:
        """Return the answer. Raises DataError for the function's own, HeptathlonError if its process was ended."""
        with self._one_at_a_time:
            if self._process is None:
                self._process = _Process(_answer, self._function, *self._arguments)
            try:
                return self._process.ask(request, None)
            except BaseException:
                if not self._process.alive:
                    self._process.end()
                    self._process = None
                raise


class _Process:
    def __init__(self, loop: Callable[..., None], function: Callable[..., Any], *arguments: Any) -> None:
        self._name = f"{function.__module__}:{function.__qualname__}"
        forkserver.start()
        context = multiprocessing.get_context("forkserver")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=loop, args=(theirs, self._name, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        return not self._ours.closed and self._process.is_alive()

    def ask(self, request: Any, seconds: float | None) -> Any:
        from benchmark.processes import wire  # which needs torch

        try:
            self._ours.send_bytes(wire.encode(request))
            if not self._ours.poll(seconds):
                raise HeptathlonError(f"{self._name} was ended after {seconds:g} s")
            reply = wire.decode(self._ours.recv_bytes())
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            raise HeptathlonError(f"{self._name} was ended before it was done (exit code {code})") from None
        if not isinstance(reply, dict) or not {"value", "error", "failure"} & reply.keys():
            raise HeptathlonError(f"{self._name} sent what is no reply")
        if "error" in reply:
            raise DataError(str(reply["error"]))
        if "failure" in reply:
            raise HeptathlonError(f"{self._name} failed: {reply['failure']}")
        return reply["value"]

    def end(self) -> None:
        self._ours.close()
        self._process.kill()
        self._process.join()


def _call(connection: Connection, name: str) -> None:
    """Answer one request: the arguments of a function."""
    from benchmark.processes import wire

    _prepare()
    _reply(connection, lambda: _found(name)(*wire.decode(connection.recv_bytes())))


def _answer(connection: Connection, name: str, *arguments: Any) -> None:
    """Answer requests until the other side hangs up."""
    from benchmark.processes import wire

    _prepare()
    state: dict[str, Any] = {}
    while True:
        try:
            request = wire.decode(connection.recv_bytes())
        except (EOFError, OSError):
            return
        _reply(connection, lambda: _found(name)(request, state, *arguments))  # noqa: B023  called at once


def _prepare() -> None:
    import torch

    os.setsid()  # Ctrl-C reaches the judge alone
    forkserver.end_with_parent()
    os.dup2(2, 1)  # what code prints is no output of the command's
    torch.set_num_threads(1)


def _found(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _reply(connection: Connection, make: Callable[[], Any]) -> None:
    from benchmark.processes import wire

    try:
        reply = wire.encode({"value": make()})
    except DataError as error:
        reply = wire.encode({"error": str(error)})
    except Exception as error:  # noqa: BLE001  whatever it is, the parent says so
        reply = wire.encode({"failure": "".join(traceback.format_exception(error)).rstrip()})
    connection.send_bytes(reply)
