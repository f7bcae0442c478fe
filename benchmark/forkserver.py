"""Start the fork server that contestants come from: it imports torch once, in the background, and never touches CUDA.

A module of its own because it must not import torch itself: the server and this process then do so side by side.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

# The first optimiser of a process imports torch._dynamo, which takes a second: better here once than in every job.
_PRELOAD = [
    "torch",
    "torch._dynamo",
    "numpy",
    "benchmark.cli",
    "benchmark.method_process",
    "benchmark.continual",
    "benchmark.tasks",
]


def start() -> None:
    """Start the server if it does not run yet; it ends with this process."""
    multiprocessing.set_forkserver_preload(_PRELOAD)
    forkserver.ensure_running()
