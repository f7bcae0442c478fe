"""Kinds of device are files: each has every function, and one more file is one more kind."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.errors import DeviceError
from benchmark.machine import backends, device, meters
from benchmark.machine.backends import Backend, backend, kinds

FUNCTIONS = {name: call for name, call in vars(Backend).items() if not name.startswith("_") and callable(call)}

TPU = """
from benchmark.machine.backends import Facts

def devices(): return ["tpu:0", "tpu:1"]
def facts(name): return Facts("acme-" + name[-1], "ACME tensor processor", 2**34, "7.1")
def lease(name): return "tpu-board"
def joules(name): return iter([2.0, 5.0]).__next__
def covers(*, alone): return "TPU tray"
def usable(name): return name == "tpu:1"
def fast_bfloat16(name): return True
def confine(name, limit): pass
def synchronize(name): pass
def settle(name): return 0
def peak_bytes(name): return 0
"""


@pytest.fixture
def tpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fourth file beside ours, and no GPU."""
    (tmp_path / "tpu.py").write_text(TPU)
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path)])
    monkeypatch.setattr("benchmark.machine.backends.cuda.list_gpus", list)
    monkeypatch.setattr("benchmark.machine.backends.mps.devices", list)
    importlib.invalidate_caches()
    device.describe.cache_clear()
    yield
    device.describe.cache_clear()
    sys.modules.pop(f"{backends.__name__}.tpu", None)
    vars(backends).pop("tpu", None)


def test_ours() -> None:
    assert kinds() == ["cpu", "cuda", "mps"]


@pytest.mark.parametrize("kind", kinds())
def test_each_has_every_function_of_a_backend(kind: str) -> None:
    module = backend(kind)
    for name, wanted in FUNCTIONS.items():
        have = inspect.signature(getattr(module, name)).parameters
        assert [*inspect.signature(wanted).parameters.values()][1:] == [*have.values()], f"{kind}.{name}"


@pytest.mark.usefixtures("tpu")
def test_one_more_file_is_one_more_kind() -> None:
    assert kinds() == ["cpu", "cuda", "mps", "tpu"]
    assert backends.devices() == ["cpu", "tpu:0", "tpu:1"]
    assert backend("tpu:1").lease("tpu:1") == "tpu-board"
    described = device.describe("tpu:1")
    assert (described.slug, described.kind, described.name) == ("tpu-acme-1", "tpu", "ACME tensor processor")
    assert (described.device_memory_bytes, described.driver) == (2**34, "7.1")
    assert device.resolve("auto") == device.resolve("tpu:1") == "tpu:1", "the first that torch can use"
    with pytest.raises(DeviceError, match="this torch cannot use tpu:0; install a TPU build of torch or pass --device"):
        device.resolve("tpu")
    with pytest.raises(DeviceError, match="no device 'tpu:2' on this machine; known: cpu, tpu:0, tpu:1"):
        device.resolve("tpu:2")
    meter = meters.EnergyMeter("tpu:1", alone=True)
    assert (meter.read(), meter.cover) == (3.0, "TPU tray")


@pytest.mark.parametrize("name", ["tpu", "tpu:0", "", ":0", "backends", "cpu.py", "../cpu"])
def test_no_file_no_kind(name: str) -> None:
    with pytest.raises(DeviceError, match=f"no device '{name}' on this machine; known: cpu"):
        backend(name)


def test_the_cpu_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.machine.backends.cpu.devices", lambda: ["cpu"])
    monkeypatch.setattr("benchmark.machine.backends.cuda.devices", lambda: ["cuda:0", "cuda:1"])
    monkeypatch.setattr("benchmark.machine.backends.mps.devices", lambda: ["mps"])
    assert backends.devices() == ["cpu", "cuda:0", "cuda:1", "mps"]
