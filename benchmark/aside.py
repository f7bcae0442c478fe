"""Heavy work of the harness itself, such as training the network that a track hands out, in a process of its own.

A process can be ended at any moment, does not hold up other judges, and leaves no memory or device behind. Functions
are named and arguments are data, as for contestants.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import traceback
from multiprocessing.connection import Connection
from typing import Any

from benchmark import forkserver, wire
from benchmark.errors import HeptathlonError


def run(function: str, *arguments: Any) -> Any:
    """Call `package.module:name` with arguments that can cross (see `wire`), on one thread, and return its reply.

    Raises HeptathlonError if it fails or its process is ended.
    """
    forkserver.start()
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, function), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.send_bytes(wire.encode(list(arguments)))
        reply = wire.decode(ours.recv_bytes())
    except (EOFError, OSError):
        process.join()
        raise HeptathlonError(f"{function} was ended before it was done (exit code {process.exitcode})") from None
    finally:
        ours.close()
        process.kill()
        process.join()
    if "failure" in reply:
        raise HeptathlonError(f"{function} failed: {reply['failure']}")
    return reply["value"]


def _serve(connection: Connection, function: str) -> None:
    import torch

    os.setsid()  # Ctrl-C reaches the judge alone
    forkserver.end_with_parent()
    torch.set_num_threads(1)
    module, _, name = function.partition(":")
    try:
        arguments = wire.decode(connection.recv_bytes())
        reply = {"value": getattr(importlib.import_module(module), name)(*arguments)}
    except Exception as error:  # noqa: BLE001  whatever it is, the parent says so
        reply = {"failure": "".join(traceback.format_exception(error)).rstrip()}
    connection.send_bytes(wire.encode(reply))
