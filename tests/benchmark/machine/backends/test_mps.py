"""Apple's GPUs on a pretended Mac."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from benchmark.errors import DeviceError
from benchmark.machine import device
from benchmark.machine.backends import cpu, mps


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with Apple's chip: no kernel file, and a system tool that names it."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    monkeypatch.setattr(cpu, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(cpu, "_output", lambda tool, *_: "Apple M2 Pro\n" if tool == "sysctl" else "")
    device.describe.cache_clear()


@pytest.mark.usefixtures("mac")
def test_its_facts_are_the_chip_s() -> None:
    assert mps.devices() == ["mps"]
    found = mps.facts("mps")
    assert (found.slug, found.name, found.memory_bytes, found.driver) == ("apple-m2-pro", "Apple M2 Pro", None, None)
    assert mps.lease("mps") == "gpu-mps", "one job at a time"


@pytest.mark.usefixtures("mac")
@pytest.mark.parametrize("there", [False, True])
def test_as_a_device(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there)
    monkeypatch.setattr("benchmark.machine.backends.cuda.list_gpus", list)
    described = device.describe("mps")
    assert (described.slug, described.kind, described.name) == ("mps-apple-m2-pro", "mps", "Apple M2 Pro")
    assert (described.device_memory_bytes, described.system) == (None, "Darwin arm64")
    assert device.describe("cpu").slug.startswith("cpu-apple-m2-pro-")
    assert device.resolve("auto") == ("mps" if there else "cpu")
    if there:
        assert device.resolve("mps") == "mps"
    else:
        with pytest.raises(DeviceError, match="this torch cannot use mps; install a MPS build of torch or pass --dev"):
            device.resolve("mps")


@pytest.mark.parametrize(("system", "chip"), [("Darwin", "x86_64"), ("Linux", "arm64"), ("Linux", "x86_64")])
def test_no_other_machine_has_one(system: str, chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: chip)
    assert mps.devices() == []
    with pytest.raises(DeviceError, match="no device 'mps' on this machine; known: cpu"):
        mps.facts("mps")


def test_what_metal_does_not_say() -> None:
    assert mps.joules("mps") is None
    assert mps.covers(alone=True) == mps.covers(alone=False) == ""
    assert mps.settle("mps") is None
    assert mps.peak_bytes("mps") is None
    assert mps.fast_bfloat16("mps") is False
    mps.confine("mps", 2**30)


def test_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch.mps, "synchronize", lambda: asked.append("waited"))
    mps.synchronize("mps")
    assert asked == ["waited"]
