"""Devices in the words of records, and what may stand behind --device."""

from __future__ import annotations

import platform
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmark.errors import DeviceError, UsageError
from benchmark.machine import device
from benchmark.machine.backends import cpu, cuda, mps

H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_bytes": 81559 * 2**20, "driver": "580.95.05", "uuid": "GPU-1"}
GEFORCE = {"name": "NVIDIA GeForce RTX 4090", "memory_bytes": 24564 * 2**20, "driver": "580.95.05", "uuid": "GPU-2"}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    device.describe.cache_clear()
    yield
    device.describe.cache_clear()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that the machine has these GPUs."""

    def pretend(*gpus: dict[str, Any], usable: bool = True) -> None:
        monkeypatch.setattr(cuda, "list_gpus", lambda: list(gpus))
        monkeypatch.setattr(cuda, "usable", lambda _: bool(gpus) and usable)
        monkeypatch.setattr(mps, "devices", list)

    return pretend


class TestDescribe:
    def test_this_cpu(self) -> None:
        described = device.describe("cpu")
        facts = cpu.facts("cpu")
        assert described.kind == "cpu"
        assert described.cores == cpu.available_cores()
        assert described.memory_bytes == psutil.virtual_memory().total
        assert described.slug == f"cpu-{facts.slug}"
        assert described.slug.startswith(f"cpu-{cpu.slug(described.name)}-")
        assert described.slug.endswith(f"-{described.cores}c")
        assert described.name == described.cpu_name != ""
        assert described.system == f"{platform.system()} {platform.machine()}"
        assert described.device_memory_bytes is None
        assert described.driver is None

    def test_the_kernels_word_for_the_cpu_comes_first(self) -> None:
        if not Path("/proc/cpuinfo").exists() or "model name" not in Path("/proc/cpuinfo").read_text():
            pytest.skip("this kernel does not name the CPU")
        line = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
        assert device.describe("cpu").name == line.split(": ", 1)[1].strip()

    def test_gpus(self, machine: Callable[..., None]) -> None:
        machine(H100, GEFORCE)
        first, second = device.describe("cuda:0"), device.describe("cuda:1")
        assert (first.slug, first.kind, first.name) == ("cuda-nvidia-h100-80gb", "cuda", "NVIDIA H100 80GB HBM3")
        assert (first.device_memory_bytes, first.driver) == (81559 * 2**20, "580.95.05")
        assert first.cpu_name == device.describe("cpu").name
        assert second.slug == "cuda-nvidia-geforce-rtx-4090-24gb"

    @pytest.mark.parametrize("name", ["cuda:2", "cuda:-1", "cuda:", "tpu", "", "CPU", "cpu:0"])
    def test_unknown_devices(self, machine: Callable[..., None], name: str) -> None:
        machine(H100, GEFORCE)
        with pytest.raises(DeviceError, match=rf"no device '{name}' on this machine; known: cpu, cuda:0, cuda:1"):
            device.describe(name)
        with pytest.raises(UsageError):
            device.resolve(name)


class TestHost:
    """A hash of host name, machine identity and network card."""

    @pytest.fixture(autouse=True)
    def _pretend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(platform, "node", lambda: "alices-laptop")
        monkeypatch.setattr(uuid, "getnode", lambda: 0x0242AC110002)
        paths = (str(tmp_path / "machine-id"), str(tmp_path / "product"))
        monkeypatch.setattr(device, "_IDENTITIES", paths)
        for path in paths:
            Path(path).write_text(f"{Path(path).name} one\n")

    def test_it_names_nobody(self, tmp_path: Path) -> None:
        described = device.describe("cpu")
        text = described.model_dump_json()
        assert not any(word in text for word in ("alice", "242ac110002", "machine-id one"))
        assert len(described.host) == 8
        assert int(described.host, 16) >= 0

    def test_each_part_tells_machines_apart(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        hosts = [device._host()]
        assert device._host() == hosts[0]
        monkeypatch.setattr(platform, "node", lambda: "bobs-laptop")
        hosts.append(device._host())
        (tmp_path / "machine-id").write_text("another\n")
        hosts.append(device._host())
        monkeypatch.setattr(uuid, "getnode", lambda: 0x0242AC110003)
        hosts.append(device._host())
        assert len(set(hosts)) == 4

    def test_files_that_cannot_be_read_are_left_out(self, tmp_path: Path) -> None:
        before = device._host()
        (tmp_path / "product").unlink()
        without = device._host()
        (tmp_path / "machine-id").unlink()
        assert len({before, without, device._host()}) == 3

    def test_an_address_that_python_made_up_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a card `uuid.getnode` draws a number, another in each process, and sets its multicast bit."""
        hosts = set()
        for drawn in (0x010000000001, 0xFF1234567890):
            monkeypatch.setattr(uuid, "getnode", lambda drawn=drawn: drawn)
            hosts.add(device._host())
        assert len(hosts) == 1


class TestResolve:
    def test_words(self, machine: Callable[..., None]) -> None:
        machine(H100)
        found = [device.resolve(name) for name in ("auto", "cuda", "cuda:0", "cpu")]
        assert found == ["cuda:0", "cuda:0", "cuda:0", "cpu"]
        machine()
        assert [device.resolve(name) for name in ("auto", "cpu")] == ["cpu", "cpu"]
        with pytest.raises(DeviceError, match="no device 'cuda' on this machine; known: cpu"):
            device.resolve("cuda")

    def test_the_first_gpu_of_several(self, machine: Callable[..., None]) -> None:
        machine(H100, GEFORCE)
        assert [device.resolve(name) for name in ("auto", "cuda", "cuda:1")] == ["cuda:0", "cuda:0", "cuda:1"]

    def test_a_gpu_that_torch_cannot_use(self, machine: Callable[..., None]) -> None:
        machine(H100, usable=False)
        assert device.resolve("auto") == "cpu"
        with pytest.raises(
            DeviceError, match="this torch cannot use cuda:0; install a CUDA build of torch or pass --device cpu"
        ):
            device.resolve("cuda")

    def test_without_torch(self, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(_: str) -> bool:
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

        machine(H100)
        monkeypatch.setattr(cuda, "usable", missing)
        assert device.resolve("auto") == "cpu"
        with pytest.raises(DeviceError, match="this torch cannot use cuda:0"):
            device.resolve("cuda:0")
