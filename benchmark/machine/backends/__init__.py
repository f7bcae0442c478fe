"""Kinds of device, a file each: what torch, the lock, the meters and the record must know of it.

A further kind is one more file here with the functions of `Backend`; `kinds` finds it by its name, which is the first
word of its devices ("cuda" of "cuda:0").
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from benchmark.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Facts:
    """What a record says of a device. slug: its canonical name after the kind;  memory_bytes: its own, if any."""

    slug: str
    name: str
    memory_bytes: int | None = None
    driver: str | None = None


class Backend(Protocol):
    """The functions of such a file. name: a device of this kind, as torch writes it."""

    def devices(self) -> list[str]:
        """Names of this machine's devices of this kind; works without torch."""

    def facts(self, name: str) -> Facts:
        """Describe a device that `devices` lists; works without torch."""

    def lease(self, name: str) -> str | None:
        """Name the lock under which one job at a time uses it; None where jobs share it."""

    def joules(self, name: str) -> Callable[[], float | None] | None:
        """Return a reader of its energy counter in joules, None without one that we may read."""

    def covers(self, *, alone: bool) -> str:
        """Say what that counter counts, for a job that has the machine alone or shares it."""

    def usable(self, name: str) -> bool:
        """Whether this torch can compute on it."""

    def fast_bfloat16(self, name: str) -> bool:
        """Whether it is known to be faster in bfloat16 than in float32; those that emulate it are slower."""

    def confine(self, name: str, limit: int) -> None:
        """Prepare a process for one job on it: at most `limit` bytes where the system can see to that, deterministic
        where torch needs to be told."""

    def synchronize(self, name: str) -> None:
        """Wait until it has done what it was asked for."""

    def settle(self, name: str) -> int | None:
        """Free memory that nothing uses and begin its peak anew; return the bytes in use, None where the resident
        memory of the process says it."""

    def peak_bytes(self, name: str) -> int | None:
        """Peak of torch's allocations on it since `settle`; None where the process's resident memory says it."""


def kinds() -> list[str]:
    """Every kind: "cpu", "cuda", ..."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def backend(name: str) -> Backend:
    """The backend of a device's name. Raises DeviceError for a kind that does not exist."""
    kind = name.partition(":")[0]
    if kind not in kinds():
        raise no_device(name)
    return cast(Backend, importlib.import_module(f"{__name__}.{kind}"))


def devices() -> list[str]:
    """Names of all of this machine's devices, the CPU first."""
    found = [name for kind in kinds() for name in backend(kind).devices()]
    return sorted(found, key=lambda name: name != "cpu")


def no_device(name: str) -> DeviceError:
    """The error for a device that is not here."""
    return DeviceError(f"no device {name!r} on this machine; known: {', '.join(devices())}")
