"""A bar for work that may take long: it shows once two seconds have passed, on a terminal only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmark.cli.console import console

_PATIENCE = 2.0
"""Seconds."""


@contextmanager
def bar(what: str) -> Iterator[Callable[[float], None]]:
    """Give the function that is told the share of the work that is done since it was told last."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    out = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    shown = Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
    task, start = shown.add_task(what, total=1.0), time.perf_counter()

    def advance(share: float) -> None:
        if time.perf_counter() - start > _PATIENCE:
            shown.start()
        shown.advance(task, share)

    try:
        yield advance
    finally:
        shown.stop()
