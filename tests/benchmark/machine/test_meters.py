from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from benchmark.machine import meters
from benchmark.machine.backends import backend, cpu


def test_clock_adds_up_by_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.0, 20.0, 20.5, 30.0, 31.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    clock = meters.Clock()
    for phase in ("train", "predict", "train"):
        with clock.running(phase):
            pass
    assert clock.seconds == {"train": 3.0, "predict": 0.5}


def test_a_phase_that_fails_keeps_its_time() -> None:
    clock = meters.Clock()

    def fail() -> None:
        with clock.running("train"):
            time.sleep(0.02)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert 0.02 <= clock.seconds["train"] < 1


def test_phases_may_nest() -> None:
    clock = meters.Clock()
    with clock.running("wall"), clock.running("data"):
        time.sleep(0.01)
    assert clock.seconds["wall"] >= clock.seconds["data"] >= 0.01


def test_usage_of_a_living_process() -> None:
    used = meters.usage(os.getpid())
    assert used.cpu_seconds is not None
    assert used.cpu_seconds == pytest.approx(sum(psutil.Process().cpu_times()[:2]), abs=1)
    assert used.resident_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    assert used.peak_bytes is not None
    assert used.peak_bytes >= used.resident_bytes * 0.99


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the peak")
def test_the_peak_outlives_the_memory() -> None:
    hoard = "x = bytearray(b'x' * 2**26); del x; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hoard], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = meters.usage(process.pid)
        process.communicate(b"\n")
    assert used.resident_bytes is not None
    assert used.peak_bytes is not None
    assert used.peak_bytes - used.resident_bytes > 2**25


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the peak")
def test_a_peak_can_begin_anew() -> None:
    hoard = "x = bytearray(b'x' * 2**26); del x; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hoard], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = meters.usage(process.pid)
        forgotten = meters.forget_peak(process.pid)
        after = meters.usage(process.pid)
        process.communicate(b"\n")
    if not forgotten:
        pytest.skip("this system does not let a peak begin anew")
    assert before.peak_bytes is not None
    assert after.peak_bytes is not None
    assert before.peak_bytes - after.peak_bytes > 2**25
    assert not meters.forget_peak(process.pid), "it is gone"


def test_usage_of_a_dead_process() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert meters.usage(process.pid) == meters.Usage(None, None, None)


class TestEnergy:
    @pytest.fixture
    def counter(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        def count(*joules: float | None) -> None:
            left = list(joules)
            for kind in ("cpu", "cuda"):
                monkeypatch.setattr(backend(kind), "joules", lambda _: lambda: left.pop(0))

        return count

    def test_joules_since_construction(self, counter: Callable[..., None]) -> None:
        counter(100.0, 103.5, 110.0)
        meter = meters.EnergyMeter("cpu", alone=True)
        assert [meter.read(), meter.read()] == [3.5, 10.0]

    @pytest.mark.parametrize("later", [99.0, None])
    def test_a_counter_that_wraps_or_fails_gives_nothing(
        self, counter: Callable[..., None], later: float | None
    ) -> None:
        counter(100.0, later)
        assert meters.EnergyMeter("cpu", alone=True).read() is None

    def test_no_counter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cpu, "joules", lambda _: None)
        meter = meters.EnergyMeter("cpu", alone=True)
        assert (meter.read(), meter.cover) == (None, "")

    @pytest.mark.parametrize(
        ("name", "alone", "cover"),
        [
            ("cuda:0", True, "GPU board"),
            ("cpu", True, "CPU package, job alone"),
            ("cpu", False, "CPU package, shared with other jobs"),
        ],
    )
    def test_it_says_what_it_covers(self, counter: Callable[..., None], name: str, alone: bool, cover: str) -> None:
        counter(1.0)
        assert meters.EnergyMeter(name, alone=alone).cover == cover
