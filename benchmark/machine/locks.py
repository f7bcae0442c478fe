"""Locks that hold across invocations on one machine, and that the system releases when a process dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from filelock import FileLock, ReadWriteLock, Timeout

from benchmark.errors import StoreError
from benchmark.machine.paths import cache_root

_PATIENCE = 0.1
"""Seconds after which whoever waits is told so."""


@contextlib.contextmanager
def machine(*, alone: bool, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Share the machine with other invocations, or have it alone. on_wait: told once why this one waits."""
    lock = ReadWriteLock(_path("machine"))
    acquire = lock.write_lock if alone else lock.read_lock
    try:
        context = acquire(timeout=_PATIENCE)
        context.__enter__()
    except Timeout:
        on_wait("other invocations run jobs" if alone else "another invocation runs timing jobs")
        context = acquire()
        context.__enter__()
    try:
        yield
    finally:
        context.__exit__(None, None, None)
        lock.close()


@contextlib.contextmanager
def lease(name: str | None, *, what: str, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Be the only one with a device. name: of its lock, None for one that is shared;  what: said to who waits."""
    if name is None:
        yield
        return
    lock = FileLock(_path(name))
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        on_wait(f"another invocation uses {what}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let others wait who make the same thing; where no lock can be written, nothing is kept either: go on."""
    try:
        lock = FileLock(_path(name.replace("/", "-")))
        lock.acquire()
    except (OSError, StoreError):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _path(name: str) -> str:
    folder = cache_root() / "locks"
    remedy = "set HEPTATHLON_CACHE to a folder you can write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make {folder}: {error}; {remedy}") from error
    if not os.access(folder, os.W_OK):
        raise StoreError(f"cannot write locks in {folder}; {remedy}")
    return str(folder / f"{name}.lock")
