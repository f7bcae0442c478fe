"""NVIDIA GPUs: facts and energy through NVML, one job at a time, memory as torch counts it."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable
from typing import Any

from benchmark.machine.backends import Facts, cpu, no_device


def devices() -> list[str]:
    """See `Backend.devices`."""
    return [f"cuda:{index}" for index in range(len(list_gpus()))]


def facts(name: str) -> Facts:
    """See `Backend.facts`. Raises DeviceError for an index that does not exist."""
    gpu = _gpu(name)
    slug = gpu_slug(gpu["name"], gpu["memory_bytes"])
    return Facts(slug, gpu["name"], gpu["memory_bytes"] or None, gpu["driver"])


def lease(name: str) -> str | None:
    """See `Backend.lease`: by the board's own identity, as indices depend on CUDA_VISIBLE_DEVICES."""
    return f"gpu-{_gpu(name)['uuid']}"


def joules(name: str) -> Callable[[], float | None] | None:
    """See `Backend.joules`."""
    import pynvml

    index = int(name.partition(":")[2] or 0)

    def read() -> float | None:
        try:
            pynvml.nvmlInit()
            return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(_visible_gpus()[index])) / 1e3
        except (pynvml.NVMLError, IndexError):
            return None

    return read if read() is not None else None


def covers(*, alone: bool) -> str:
    """See `Backend.covers`."""
    return "GPU board"


def usable(name: str) -> bool:
    """See `Backend.usable`."""
    import torch

    return torch.cuda.is_available()


def fast_bfloat16(name: str) -> bool:
    """See `Backend.fast_bfloat16`."""
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def confine(name: str, limit: int) -> None:
    """See `Backend.confine`: no limit, as the driver reserves far more address space than it uses."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic
    torch.use_deterministic_algorithms(True, warn_only=True)


def synchronize(name: str) -> None:
    """See `Backend.synchronize`."""
    import torch

    torch.cuda.synchronize(name)


def settle(name: str) -> int | None:
    """See `Backend.settle`."""
    import torch

    gc.collect()
    torch.cuda.reset_peak_memory_stats(name)
    return torch.cuda.memory_allocated(name)


def peak_bytes(name: str) -> int | None:
    """See `Backend.peak_bytes`."""
    import torch

    return torch.cuda.max_memory_allocated(name)


def gpu_slug(name: str, memory_bytes: int) -> str:
    """Shorten a GPU's name, its memory last: "NVIDIA H100 80GB HBM3" -> "nvidia-h100-80gb".

    The vendor's own figure stands where the name holds one: what the driver counts differs between drivers.
    """
    stated = re.search(r"\b(\d+) ?gb\b", name.lower())
    gigabytes = stated[1] if stated else round(memory_bytes / 2**30)
    model = cpu.slug(re.sub(r"\b(\d+ ?gb|hbm\d+e?)\b", " ", name.lower()))
    return f"{model}-{gigabytes}gb" if gigabytes else model


def list_gpus() -> list[dict[str, Any]]:
    """Name, memory, driver and UUID of each NVIDIA GPU that torch sees, in its order; empty without GPU or driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = _visible_gpus()
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        return [
            {
                "name": _text(pynvml.nvmlDeviceGetName(handle)),
                "memory_bytes": _memory(handle),
                "driver": driver,
                "uuid": _text(pynvml.nvmlDeviceGetUUID(handle)),
            }
            for handle in handles
        ]
    except pynvml.NVMLError:
        return []


def _gpu(name: str) -> dict[str, Any]:
    gpus = list_gpus()
    match = re.fullmatch(r"cuda(?::(\d+))?", name)
    index = int(match[1] or 0) if match else len(gpus)
    if index >= len(gpus):
        raise no_device(name)
    return gpus[index]


def _visible_gpus() -> list[Any]:
    """NVML's handles of the GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; an unknown one hides all after it.

    `benchmark.processes.forkserver` asks CUDA for NVML's own order (by PCI bus), so that indices mean the same to both.
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


def _memory(handle: Any) -> int:
    """Bytes on the board; 0 for a GPU that shares the host's memory and has no counter of its own."""
    import pynvml

    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except pynvml.NVMLError:
        return 0


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
