"""Facts about this machine's CPU and GPUs, in canonical names. Works without torch; the host's name stays private."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from benchmark.errors import DeviceError
from benchmark.record import Device

_NOISE = re.compile(r"\((r|tm|c)\)|\b(cpu|gpu|processor|\w+-cores?|\d+th gen)\b|\bw(ith|/) radeon.*|@.*")
_RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


@lru_cache
def describe(name: str) -> Device:
    """Describe "cpu" or "cuda:<index>". Raises DeviceError for a device that this machine lacks."""
    cpu = _cpu_name()
    common: dict[str, Any] = {
        "cores": available_cores(),
        "memory_bytes": int(psutil.virtual_memory().total),
        "cpu_name": cpu,
        "system": f"{platform.system()} {platform.machine()}",
        "host": hashlib.blake2b(f"heptathlon:{platform.node()}".encode(), digest_size=4).hexdigest(),
    }
    if name == "cpu":
        return Device(slug=f"cpu-{slug(cpu)}-{available_cores()}c", kind="cpu", name=cpu, **common)
    gpus = list_gpus()
    match = re.fullmatch(r"cuda:(\d+)", name)
    if match is None or int(match[1]) >= len(gpus):
        known = ", ".join(["cpu", *(f"cuda:{index}" for index in range(len(gpus)))])
        raise DeviceError(f"no device {name!r} on this machine; known: {known}")
    gpu = gpus[int(match[1])]
    return Device(
        slug=f"cuda-{gpu_slug(gpu['name'], gpu['memory_bytes'])}",
        kind="cuda",
        name=gpu["name"],
        device_memory_bytes=gpu["memory_bytes"] or None,
        driver=gpu["driver"],
        **common,
    )


def resolve(name: str) -> str:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device name that `describe` knows and torch can use."""
    if name == "auto":
        return "cuda:0" if _torch_sees_cuda() else "cpu"
    name = "cuda:0" if name == "cuda" else name
    describe(name)
    if name.startswith("cuda") and not _torch_sees_cuda():
        raise DeviceError(f"this torch cannot use {name}; install a CUDA build of torch or pass --device cpu")
    return name


def fast_bfloat16(name: str) -> bool:
    """Whether the device is known to be faster in bfloat16 than in float32; those that emulate it are slower."""
    import torch

    if name.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return any(torch.cpu.get_capabilities().get(each) for each in ("avx512_bf16", "amx_bf16"))


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slug(name: str) -> str:
    """Shorten a hardware name to lower-case words: "Intel(R) Xeon(R) Platinum 8592+" -> "intel-xeon-platinum-8592"."""
    return re.sub(r"[^a-z0-9]+", "-", _NOISE.sub(" ", name.lower())).strip("-") or "unknown"


def gpu_slug(name: str, memory_bytes: int) -> str:
    """Shorten a GPU's name, its memory last: "NVIDIA H100 80GB HBM3" -> "nvidia-h100-80gb".

    The vendor's own figure stands where the name holds one: what the driver counts differs between drivers.
    """
    stated = re.search(r"\b(\d+) ?gb\b", name.lower())
    gigabytes = stated[1] if stated else round(memory_bytes / 2**30)
    model = slug(re.sub(r"\b(\d+ ?gb|hbm\d+e?)\b", " ", name.lower()))
    return f"{model}-{gigabytes}gb" if gigabytes else model


def list_gpus() -> list[dict[str, Any]]:
    """Name, memory and driver of each NVIDIA GPU that torch sees, in its order; empty without one or without driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = _visible_gpus()
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        return [
            {"name": _text(pynvml.nvmlDeviceGetName(handle)), "memory_bytes": _gpu_memory(handle), "driver": driver}
            for handle in handles
        ]
    except pynvml.NVMLError:
        return []


def _visible_gpus() -> list[Any]:
    """NVML's handles of the GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; an unknown one hides all after it.

    `benchmark.forkserver` asks CUDA for NVML's own order (by PCI bus), so that indices mean the same to both.
    """
    import pynvml

    every = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return every
    names = [(str(index), _text(pynvml.nvmlDeviceGetUUID(handle))) for index, handle in enumerate(every)]
    visible = []
    for word in filter(None, (part.strip() for part in chosen.split(","))):
        matching = [
            handle
            for handle, (index, uuid) in zip(every, names, strict=True)
            if word == index or (word.startswith("GPU-") and uuid.startswith(word))
        ]
        if not matching:
            break
        visible += matching[:1]
    return visible


def _gpu_memory(handle: Any) -> int:
    """Bytes on the board; 0 for a GPU that shares the host's memory and has no counter of its own."""
    import pynvml

    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except pynvml.NVMLError:
        return 0


def energy_counter(name: str) -> Callable[[], float | None] | None:
    """Return a function that reads the device's energy counter in joules, or None if it has none that we may read."""
    read = _gpu_joules(int(name.removeprefix("cuda:"))) if name.startswith("cuda:") else _package_joules
    return read if read() is not None else None


def _package_joules() -> float | None:
    try:
        return int(_RAPL.read_text()) / 1e6
    except (OSError, ValueError):
        return None


def _gpu_joules(index: int) -> Callable[[], float | None]:
    import pynvml

    def read() -> float | None:
        try:
            pynvml.nvmlInit()
            return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(_visible_gpus()[index])) / 1e3
        except (pynvml.NVMLError, IndexError):
            return None

    return read


def _torch_sees_cuda() -> bool:
    try:
        import torch
    except ModuleNotFoundError:
        return False
    return torch.cuda.is_available()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _cpu_name() -> str:
    """As the kernel tells it, else the system's own tool (ARM under Linux, macOS), else the bare architecture."""
    try:
        kernel = Path("/proc/cpuinfo").read_text()
    except OSError:
        kernel = ""
    match = (
        re.search(r"model name\s*:\s*(\S.*)", kernel)
        or re.search(r"Model name:\s*(\w.*)", _output("lscpu"))
        or re.search(r"(\S.*)", _output("sysctl", "-n", "machdep.cpu.brand_string"))
    )
    return match[1].strip() if match else platform.processor() or platform.machine()


def _output(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
