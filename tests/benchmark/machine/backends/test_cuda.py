"""NVIDIA GPUs on a pretended driver: names, numbering, locks, energy."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pynvml
import pytest
import torch

from benchmark.errors import DeviceError
from benchmark.machine.backends import cuda


@pytest.fixture(autouse=True)
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A driver with three GPUs, the last of which has no memory of its own, and whose second counts no energy."""

    class Memory:
        total = 2**30

    def memory(handle: int) -> type[Memory]:
        if handle == 2:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return Memory

    def millijoules(handle: int) -> int:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 1500 * (handle + 1)

    def answers(**calls: Any) -> None:
        for name, answer in calls.items():
            monkeypatch.setattr(pynvml, name, answer)

    answers(
        nvmlInit=lambda: None,
        nvmlSystemGetDriverVersion=lambda: "580.1",
        nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda handle: [b"NVIDIA A", "NVIDIA B", "NVIDIA C"][handle],  # older drivers answer bytes
        nvmlDeviceGetUUID=lambda handle: f"GPU-{handle}a1b2",
        nvmlDeviceGetMemoryInfo=memory,
        nvmlDeviceGetTotalEnergyConsumption=millijoules,
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return answers


@pytest.fixture
def no_driver(driver: Callable[..., None]) -> None:
    def no_library() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    driver(nvmlInit=no_library)


@pytest.mark.parametrize(
    ("name", "mebibytes", "slug"),
    [
        ("NVIDIA H100 80GB HBM3", 81559, "nvidia-h100-80gb"),
        ("NVIDIA H100 PCIe", 81559, "nvidia-h100-pcie-80gb"),
        ("NVIDIA H100 NVL", 95830, "nvidia-h100-nvl-94gb"),
        ("NVIDIA H200", 143771, "nvidia-h200-140gb"),
        ("NVIDIA A100-SXM4-40GB", 40536, "nvidia-a100-sxm4-40gb"),
        ("NVIDIA GH200 480GB", 97871, "nvidia-gh200-480gb"),
        ("NVIDIA A100 80GB PCIe", 81920, "nvidia-a100-pcie-80gb"),
        ("Tesla V100-SXM2-16GB", 16160, "tesla-v100-sxm2-16gb"),
        ("Tesla T4", 15360, "tesla-t4-15gb"),
        ("NVIDIA GeForce RTX 4090", 24564, "nvidia-geforce-rtx-4090-24gb"),
        ("NVIDIA GeForce RTX 3050 Laptop GPU", 4096, "nvidia-geforce-rtx-3050-laptop-4gb"),
    ],
)
def test_gpu_names(name: str, mebibytes: int, slug: str) -> None:
    assert cuda.gpu_slug(name, mebibytes * 2**20) == slug


def test_gpus_as_the_driver_lists_them() -> None:
    assert cuda.list_gpus() == [
        {"name": "NVIDIA A", "memory_bytes": 2**30, "driver": "580.1", "uuid": "GPU-0a1b2"},
        {"name": "NVIDIA B", "memory_bytes": 2**30, "driver": "580.1", "uuid": "GPU-1a1b2"},
        {"name": "NVIDIA C", "memory_bytes": 0, "driver": "580.1", "uuid": "GPU-2a1b2"},
    ]
    assert cuda.devices() == ["cuda:0", "cuda:1", "cuda:2"]
    first, last = cuda.facts("cuda:0"), cuda.facts("cuda:2")
    assert (first.slug, first.name, first.memory_bytes, first.driver) == ("nvidia-a-1gb", "NVIDIA A", 2**30, "580.1")
    assert (last.slug, last.memory_bytes) == ("nvidia-c", None)


@pytest.mark.parametrize(
    ("visible", "names"),
    [("1", "B"), ("1,0", "BA"), ("GPU-2a1,0", "CA"), ("", ""), ("0,7,1", "A"), (" 2 , 1 ", "CB"), ("-1", "")],
)
def test_gpus_are_numbered_as_torch_numbers_them(visible: str, names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu["name"] for gpu in cuda.list_gpus()] == [f"NVIDIA {name}" for name in names]


def test_the_lock_is_the_board_s_whatever_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [cuda.lease(name) for name in cuda.devices()] == ["gpu-GPU-0a1b2", "gpu-GPU-1a1b2", "gpu-GPU-2a1b2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-1")
    assert [cuda.lease(name) for name in cuda.devices()] == ["gpu-GPU-2a1b2", "gpu-GPU-1a1b2"]


@pytest.mark.parametrize("name", ["cuda:3", "cuda:-1", "cuda:", "cuda:x", "cpu"])
def test_an_index_that_is_not_there(name: str) -> None:
    for ask in (cuda.facts, cuda.lease):
        with pytest.raises(
            DeviceError, match=f"no device '{name}' on this machine; known: cpu, cuda:0, cuda:1, cuda:2"
        ):
            ask(name)


@pytest.mark.usefixtures("no_driver")
def test_no_driver_no_gpus() -> None:
    assert cuda.list_gpus() == []
    assert cuda.devices() == []
    assert cuda.joules("cuda:0") is None


def test_energy_of_a_board(driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    read = cuda.joules("cuda:2")
    assert read is not None
    assert read() == 4.5
    assert cuda.joules("cuda:1") is None, "that one does not count"
    assert cuda.joules("cuda:3") is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    renumbered = cuda.joules("cuda:0")
    assert renumbered is not None
    assert renumbered() == 4.5
    assert cuda.covers(alone=True) == cuda.covers(alone=False) == "GPU board"


@pytest.mark.parametrize("fast", [False, True])
def test_bfloat16_is_not_emulated(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or fast)
    assert cuda.fast_bfloat16("cuda:0") is fast


@pytest.mark.parametrize("there", [False, True])
def test_torch_says_whether_it_can_be_used(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert cuda.usable("cuda:0") is there


def test_memory_is_torch_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def answer(call: str, value: int | None) -> None:
        monkeypatch.setattr(torch.cuda, call, lambda name: asked.append((call, name)) or value)

    answer("reset_peak_memory_stats", None)
    answer("memory_allocated", 7)
    answer("max_memory_allocated", 11)
    answer("synchronize", None)
    assert cuda.settle("cuda:1") == 7
    assert cuda.peak_bytes("cuda:1") == 11
    cuda.synchronize("cuda:1")
    calls = ["reset_peak_memory_stats", "memory_allocated", "max_memory_allocated", "synchronize"]
    assert asked == [(call, "cuda:1") for call in calls]


def test_jobs_are_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[bool, bool]] = []
    monkeypatch.setattr(
        torch, "use_deterministic_algorithms", lambda on, *, warn_only=False: asked.append((on, warn_only))
    )
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cuda.confine("cuda:0", 2**30)
    assert (asked, os.environ["CUBLAS_WORKSPACE_CONFIG"]) == ([(True, True)], ":4096:8")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    cuda.confine("cuda:0", 2**30)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8", "the user's own word stays"
