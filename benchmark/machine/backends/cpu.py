"""The CPU: shared by jobs, metered as a package, its memory the process's own."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmark.machine.backends import Facts

_NOISE = re.compile(r"\((r|tm|c)\)|\b(cpu|gpu|processor|\w+-cores?|\d+th gen)\b|\bw(ith|/) radeon.*|@.*")
_RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
_CPUINFO = Path("/proc/cpuinfo")
_VIRTUAL = re.compile(r"\b(virtual|kvm|qemu)\b")
_VECTORS = (
    *(("amx_tile", "amx"), ("avx512f", "avx512"), ("avx2", "avx2"), ("avx", "avx"), ("sse4_2", "sse4")),
    *(("sve2", "sve2"), ("sve", "sve"), ("asimd", "neon")),
)
"""Flags of the kernel for vector instructions, the widest first, and what they are called."""


def devices() -> list[str]:
    """See `Backend.devices`."""
    return ["cpu"]


def facts(name: str) -> Facts:
    """See `Backend.facts`: model, what tells generic names apart, and how many cores."""
    called = cpu_name()
    words = [slug(called), *_details(called), f"{available_cores()}c"]
    return Facts("-".join(words), called)


def lease(name: str) -> str | None:
    """See `Backend.lease`: jobs share the cores."""
    return None


def joules(name: str) -> Callable[[], float | None] | None:
    """See `Backend.joules`: RAPL, which few users may read."""
    return _package_joules if _package_joules() is not None else None


def covers(*, alone: bool) -> str:
    """See `Backend.covers`: a package counts everything that runs on it."""
    return "CPU package, job alone" if alone else "CPU package, shared with other jobs"


def usable(name: str) -> bool:
    """See `Backend.usable`."""
    return True


def fast_bfloat16(name: str) -> bool:
    """See `Backend.fast_bfloat16`."""
    import torch

    return any(torch.cpu.get_capabilities().get(each) for each in ("avx512_bf16", "amx_bf16"))


def confine(name: str, limit: int) -> None:
    """See `Backend.confine`: allocations beyond the limit fail, with a traceback, before the machine is full."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
    except (ImportError, OSError):
        return  # no such limit on this system: the judge watches resident memory all the same
    used = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + limit, used + limit))


def synchronize(name: str) -> None:
    """See `Backend.synchronize`: calls return when they are done."""


def settle(name: str) -> int | None:
    """See `Backend.settle`."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
    return None


def peak_bytes(name: str) -> int | None:
    """See `Backend.peak_bytes`."""
    return None


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slug(name: str) -> str:
    """Shorten a hardware name to lower-case words: "Intel(R) Xeon(R) Platinum 8592+" -> "intel-xeon-platinum-8592"."""
    return re.sub(r"[^a-z0-9]+", "-", _NOISE.sub(" ", name.lower())).strip("-") or "unknown"


def cpu_name() -> str:
    """As the kernel tells it, else the system's own tool (ARM under Linux, macOS), else the bare architecture."""
    match = (
        re.search(r"model name\s*:\s*(\S.*)", _kernel())
        or re.search(r"Model name:\s*(\w.*)", _output("lscpu"))
        or re.search(r"(\S.*)", _output("sysctl", "-n", "machdep.cpu.brand_string"))
    )
    return match[1].strip() if match else platform.processor() or platform.machine()


def _details(name: str) -> list[str]:
    """Family, model and widest vector instructions, where a name such as "AMD EPYC" covers many different CPUs."""
    told = re.search(r"\d", slug(name)) and not _VIRTUAL.search(name.lower()) and name != platform.machine()
    if told:
        return []
    kernel = _kernel()
    fields = ("cpu family", "model", "CPU implementer", "CPU part")
    found = [re.search(rf"^{field}\s*:\s*(\w+)", kernel, re.MULTILINE) for field in fields]
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.*)", kernel, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    widest = next((word for flag, word in _VECTORS if flag in present), None)
    return [match[1].lower() for match in found if match] + ([widest] if widest else [])


def _kernel() -> str:
    try:
        return _CPUINFO.read_text()
    except OSError:
        return ""


def _package_joules() -> float | None:
    try:
        return int(_RAPL.read_text()) / 1e6
    except (OSError, ValueError):
        return None


def _output(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
