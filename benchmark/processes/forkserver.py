"""Start the fork server that contestants come from: it imports torch once, in the background, and never touches CUDA.

A module of its own because it must not import torch itself: the server and this process then do so side by side.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from functools import cache
from multiprocessing import connection, forkserver, parent_process
from pathlib import Path

import psutil

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def _preload() -> list[str]:
    """What the server imports: torch, and all that methods are written with.

    The first optimiser of a process imports torch._dynamo, which takes a second: better here once than in every job.
    """
    rooms = ("contestant", "learning", "tasks")
    files = [file.relative_to(_PACKAGE.parent) for room in rooms for file in sorted((_PACKAGE / room).rglob("*.py"))]
    ours = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    return ["torch", "torch._dynamo", "numpy", "benchmark.cli", *ours]


def start() -> None:
    """Start the server if it does not run yet; it ends with this process, once it has imported what it is to import."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # number GPUs as `benchmark.machine.backends.cuda` does
    multiprocessing.set_forkserver_preload(_preload())
    forkserver.ensure_running()


def wait() -> None:
    """Wait until the server has imported what it is to import, so that no job is charged for that."""
    start()
    probe = multiprocessing.get_context("forkserver").Process(target=_nothing, daemon=True)
    probe.start()
    probe.join()


def _nothing() -> None:
    pass


def stop() -> None:
    """End the server now, so that whoever reads this process's output through a pipe need not wait for its imports."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if any("multiprocessing.forkserver" in word for word in child.cmdline()):
                child.kill()
                while child.status() != psutil.STATUS_ZOMBIE:  # so that the next start sees that it is gone
                    time.sleep(0.001)


def end_with_parent() -> None:
    """End this process, a child of the server's, when its parent ends, be it by kill -9 and while it sleeps itself."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        # For code that never lets go of the interpreter: the fork server ends with the parent, and then so do we.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
