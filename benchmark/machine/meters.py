"""The judge's clock and meters: wall time by phase, memory of a process, energy where the hardware counts it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmark.machine.backends import backend


@dataclass
class Clock:
    """Monotonic wall seconds by phase; a phase that fails keeps its time."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def running(self, phase: str) -> Iterator[None]:
        """Add the time spent inside to `phase`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far; None where this system does not tell."""

    cpu_seconds: float | None
    resident_bytes: int | None
    peak_bytes: int | None


def usage(pid: int) -> Usage:
    """Read a living process's CPU time and memory; all None once it is gone."""
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        resident = int(process.memory_info().rss)
        return Usage(float(times.user + times.system), resident, _high_water_mark(pid) or resident)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return Usage(None, None, None)


def forget_peak(pid: int) -> bool:
    """Let a process's peak of resident bytes begin anew from what it holds now; False where that cannot be done."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _high_water_mark(pid: int) -> int | None:
    """Peak resident bytes as Linux counts them; psutil does not offer it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return int(line.split()[1]) * 1024 if line else None


class EnergyMeter:
    """Joules between construction and `read`, where the device counts them; `cover` says what was counted."""

    def __init__(self, device_name: str, *, alone: bool) -> None:
        device = backend(device_name)
        self._read = device.joules(device_name)
        self._start = self._read() if self._read else None
        self.cover = device.covers(alone=alone) if self._start is not None else ""

    def read(self) -> float | None:
        """Joules so far, or None where the hardware does not count or its counter wrapped around."""
        now = self._read() if self._read else None
        if now is None or self._start is None or now < self._start:
            return None
        return now - self._start
