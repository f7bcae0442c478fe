from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest
import torch

from benchmark import device
from benchmark.errors import DeviceError, UsageError

H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_bytes": 81559 * 2**20, "driver": "580.95.05"}
GEFORCE = {"name": "NVIDIA GeForce RTX 4090", "memory_bytes": 24564 * 2**20, "driver": "580.95.05"}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    device.describe.cache_clear()
    yield
    device.describe.cache_clear()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that the machine has these GPUs."""

    def pretend(*gpus: dict[str, Any], cuda: bool = True) -> None:
        monkeypatch.setattr(device, "list_gpus", lambda: list(gpus))
        monkeypatch.setattr(device, "_torch_sees_cuda", lambda: bool(gpus) and cuda)

    return pretend


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Intel(R) Xeon(R) Platinum 8592+", "intel-xeon-platinum-8592"),
        ("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", "intel-xeon-e5-2690-v4"),
        ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "intel-core-i7-8550u"),
        ("12th Gen Intel(R) Core(TM) i7-12700K", "intel-core-i7-12700k"),
        ("Intel(R) Core(TM) Ultra 7 155H", "intel-core-ultra-7-155h"),
        ("AMD EPYC 7763 64-Core Processor", "amd-epyc-7763"),
        ("AMD EPYC", "amd-epyc"),
        ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", "amd-ryzen-threadripper-pro-5995wx"),
        ("AMD Ryzen 7 5800H with Radeon Graphics", "amd-ryzen-7-5800h"),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", "amd-ryzen-ai-9-hx-370"),
        ("AMD FX(tm)-8350 Eight-Core Processor", "amd-fx-8350"),
        ("Apple M2 Pro", "apple-m2-pro"),
        ("Neoverse-N1", "neoverse-n1"),
        ("aarch64", "aarch64"),
        ("", "unknown"),
        ("龙芯", "unknown"),
    ],
)
def test_cpu_names(name: str, slug: str) -> None:
    assert device.slug(name) == slug


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
    assert device.gpu_slug(name, mebibytes * 2**20) == slug


def test_this_cpu() -> None:
    described = device.describe("cpu")
    assert described.kind == "cpu"
    assert described.cores == (len(psutil.Process().cpu_affinity()) if psutil.LINUX else os.cpu_count())
    assert described.memory_bytes == psutil.virtual_memory().total
    assert described.slug == f"cpu-{device.slug(described.name)}-{described.cores}c"
    assert described.name == described.cpu_name != ""
    assert described.system == f"{platform.system()} {platform.machine()}"
    assert described.device_memory_bytes is None
    assert described.driver is None


def test_the_kernels_word_for_the_cpu_comes_first() -> None:
    if not Path("/proc/cpuinfo").exists() or "model name" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this kernel does not name the CPU")
    line = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    assert device.describe("cpu").name == line.split(": ", 1)[1].strip()


@pytest.mark.parametrize(
    ("kernel", "tools", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\n", {}, "AMD EPYC 7763 64-Core Processor"),
        (
            "processor\t: 0\nCPU part\t: 0xd0c\n",
            {"lscpu": "Architecture: aarch64\nModel name:   Neoverse-N1\n"},
            "Neoverse-N1",
        ),
        ("", {"lscpu": "Model name:   -\n", "sysctl": "Apple M2 Pro\n"}, "Apple M2 Pro"),
        ("", {}, "riscv64"),
    ],
)
def test_where_the_name_of_the_cpu_comes_from(
    monkeypatch: pytest.MonkeyPatch, kernel: str, tools: dict[str, str], name: str
) -> None:
    monkeypatch.setattr(device.Path, "read_text", lambda _: kernel)
    monkeypatch.setattr(device, "_output", lambda tool, *_: tools.get(tool, ""))
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert device._cpu_name() == name


def test_a_tool_that_is_missing_or_fails_says_nothing() -> None:
    assert device._output("heptathlon-no-such-tool") == ""
    assert device._output("sh", "-c", "echo said; exit 1") == ""
    assert device._output("sh", "-c", "echo said") == "said\n"


def test_the_name_of_the_host_stays_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "alices-laptop")
    first = device.describe("cpu")
    assert "alice" not in first.model_dump_json()
    device.describe.cache_clear()
    monkeypatch.setattr(platform, "node", lambda: "bobs-laptop")
    assert device.describe("cpu").host != first.host


def test_gpus(machine: Callable[..., None]) -> None:
    machine(H100, GEFORCE)
    first, second = device.describe("cuda:0"), device.describe("cuda:1")
    assert (first.slug, first.kind, first.name) == ("cuda-nvidia-h100-80gb", "cuda", "NVIDIA H100 80GB HBM3")
    assert (first.device_memory_bytes, first.driver) == (81559 * 2**20, "580.95.05")
    assert first.cpu_name == device.describe("cpu").name
    assert second.slug == "cuda-nvidia-geforce-rtx-4090-24gb"


@pytest.mark.parametrize("name", ["cuda:2", "cuda:-1", "cuda:", "tpu", "", "CPU", "cpu:0"])
def test_unknown_devices(machine: Callable[..., None], name: str) -> None:
    machine(H100, GEFORCE)
    with pytest.raises(DeviceError, match=rf"no device '{name}' on this machine; known: cpu, cuda:0, cuda:1"):
        device.describe(name)
    with pytest.raises(UsageError):
        device.resolve(name)


def test_resolve(machine: Callable[..., None]) -> None:
    machine(H100)
    assert [device.resolve(name) for name in ("auto", "cuda", "cuda:0", "cpu")] == ["cuda:0", "cuda:0", "cuda:0", "cpu"]
    machine()
    assert [device.resolve(name) for name in ("auto", "cpu")] == ["cpu", "cpu"]


def test_a_gpu_that_torch_cannot_use(machine: Callable[..., None]) -> None:
    machine(H100, cuda=False)
    assert device.resolve("auto") == "cpu"
    with pytest.raises(
        DeviceError, match="this torch cannot use cuda:0; install a CUDA build of torch or pass --device cpu"
    ):
        device.resolve("cuda")


@pytest.mark.parametrize(("feature", "fast"), [("avx512_bf16", True), ("amx_bf16", True), ("avx512_f", False)])
def test_bfloat16_needs_instructions(feature: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {feature: True, "avx2": True})
    assert device.fast_bfloat16("cpu") is fast


@pytest.mark.parametrize("fast", [False, True])
def test_bfloat16_of_a_gpu_is_not_emulated(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or fast)
    assert device.fast_bfloat16("cuda:0") is fast


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver with three GPUs, the last of which has no memory of its own."""

    class Memory:
        total = 2**30

    def memory(handle: int) -> type[Memory]:
        if handle == 2:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return Memory

    for name, answer in {
        "nvmlInit": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "580.1",
        "nvmlDeviceGetCount": lambda: 3,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: [b"NVIDIA A", "NVIDIA B", "NVIDIA C"][handle],  # older drivers answer bytes
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}a1b2",
        "nvmlDeviceGetMemoryInfo": memory,
    }.items():
        monkeypatch.setattr(pynvml, name, answer)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("driver")
def test_gpus_as_the_driver_lists_them() -> None:
    assert device.list_gpus() == [
        {"name": "NVIDIA A", "memory_bytes": 2**30, "driver": "580.1"},
        {"name": "NVIDIA B", "memory_bytes": 2**30, "driver": "580.1"},
        {"name": "NVIDIA C", "memory_bytes": 0, "driver": "580.1"},
    ]
    device.describe.cache_clear()
    assert device.describe("cuda:2").slug == "cuda-nvidia-c"
    assert device.describe("cuda:2").device_memory_bytes is None
    device.describe.cache_clear()


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("visible", "names"),
    [("1", "B"), ("1,0", "BA"), ("GPU-2a1,0", "CA"), ("", ""), ("0,7,1", "A"), (" 2 , 1 ", "CB"), ("-1", "")],
)
def test_gpus_are_numbered_as_torch_numbers_them(visible: str, names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu["name"] for gpu in device.list_gpus()] == [f"NVIDIA {name}" for name in names]


def test_no_driver_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", no_library)
    assert device.list_gpus() == []
    assert device.energy_counter("cuda:0") is None


def test_energy_of_a_cpu_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(device, "_RAPL", tmp_path / "energy_uj")
    assert device.energy_counter("cpu") is None
    (tmp_path / "energy_uj").write_text("2500000\n")
    read = device.energy_counter("cpu")
    assert read is not None
    assert read() == 2.5
