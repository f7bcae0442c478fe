"""Apple's GPUs through Metal: one job at a time, memory shared with the CPU, no energy counter that users may read."""

from __future__ import annotations

import gc
import platform
from collections.abc import Callable

from benchmark.machine.backends import Facts, cpu, no_device


def devices() -> list[str]:
    """See `Backend.devices`: Apple's own chips have one."""
    return ["mps"] if (platform.system(), platform.machine()) == ("Darwin", "arm64") else []


def facts(name: str) -> Facts:
    """See `Backend.facts`: the chip's name. Raises DeviceError on other machines."""
    if name not in devices():
        raise no_device(name)
    chip = cpu.cpu_name()
    return Facts(cpu.slug(chip), chip)


def lease(name: str) -> str | None:
    """See `Backend.lease`."""
    return "gpu-mps"


def joules(name: str) -> Callable[[], float | None] | None:
    """See `Backend.joules`: powermetrics wants the administrator."""
    return None


def covers(*, alone: bool) -> str:
    """See `Backend.covers`."""
    return ""


def usable(name: str) -> bool:
    """See `Backend.usable`."""
    import torch

    return torch.backends.mps.is_available()


def fast_bfloat16(name: str) -> bool:
    """See `Backend.fast_bfloat16`: not known to be."""
    return False


def confine(name: str, limit: int) -> None:
    """See `Backend.confine`: Metal has no deterministic mode to ask for."""


def synchronize(name: str) -> None:
    """See `Backend.synchronize`."""
    import torch

    torch.mps.synchronize()


def settle(name: str) -> int | None:
    """See `Backend.settle`. Metal keeps no peak, so that nothing is said."""
    gc.collect()
    return None


def peak_bytes(name: str) -> int | None:
    """See `Backend.peak_bytes`."""
    return None
