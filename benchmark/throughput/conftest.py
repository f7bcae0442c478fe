"""What every run of the suite gets: anchors in their places, and in the JSON what two runs must share and where it ran.

pytest-benchmark's own facts about the machine are left out of the JSON: they hold the host's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark import identity
from benchmark.machine.backends import cpu
from benchmark.machine.device import describe
from benchmark.results.throughput import FORMAT, MOMENTS
from benchmark.running import provenance
from benchmark.throughput import plugged

_HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Say what marks mean: the suite runs without the repository's settings."""
    config.addinivalue_line("markers", "slow: minutes rather than seconds; left out unless words name it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move the anchors before, between and after the other benchmarks; leave out what is slow unless words choose."""
    if not config.option.keyword and not config.option.markexpr:
        items[:] = [item for item in items if item.path.parent != _HERE or item.get_closest_marker("slow") is None]
    ours = [item for item in items if item.path.parent == _HERE]
    anchors = [item for item in ours if item.path.stem == "test_anchors"]
    others = [item for item in ours if item not in anchors]
    if not anchors or not others:
        return
    before, between, after = ([item for item in anchors if f"{moment}]" in item.name] for moment in MOMENTS)
    middle = len(others) // 2
    rest = [item for item in items if item not in ours]
    items[:] = [*rest, *before, *others[:middle], *between, *others[middle:], *after]


@pytest.fixture(scope="module")
def all_cores() -> Iterator[None]:
    """As many threads as there are cores, where a kernel is to show what the machine can do."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(cpu.available_cores())
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _work(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note what decides a kernel's time, besides the machine."""
    if "benchmark" not in request.fixturenames:
        yield
        return
    import torch

    benchmark: BenchmarkFixture = request.getfixturevalue("benchmark")
    item: Any = request.node
    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    plugged.noted()
    yield
    benchmark.extra_info["work"] = {
        "code": code(item.path, plugged.noted()),
        "shapes": ", ".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name != "moment"),
        "precision": f"{str(torch.get_default_dtype()).removeprefix('torch.')}, {torch.get_float32_matmul_precision()}",
    }


def code(path: Path, origins: Iterable[str]) -> str:
    """Hash of what a benchmark's file reaches, and the plug-ins that it measured."""
    return identity.digest(path, *map(Path, origins))


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Replace the facts about the machine by our device fingerprint, which names no host."""
    machine_info.clear()
    machine_info["heptathlon"] = {
        "format": FORMAT,
        "device": describe("cpu").model_dump(),
        "software": provenance.software().model_dump(),
    }
