from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark import data, plugins, runner
from benchmark.contestant import Limits
from benchmark.errors import StoreError
from benchmark.executors.local import LocalExecutor
from benchmark.job import Job
from benchmark.runner import Conditions, Plan
from benchmark.store import Store
from benchmark.tasks import find_track

ROGUES = Path(__file__).parent / "rogues" / "misbehaving.py"
CONDITIONS = Conditions("cpu", Limits(seconds=60, bytes=4 * 2**30))


def plan(method: str, seed: int = 0) -> Plan:
    return Plan.of(Job("forgetting.permuted", method, "smoke", seed))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def executor(store: Store, *, conditions: Conditions = CONDITIONS, workers: int = 2, waits=None) -> LocalExecutor:
    return LocalExecutor(store, conditions, workers=workers, on_wait=(waits if waits is not None else []).append)


def test_one_failure_costs_no_other_job(store, registries):
    assert plugins.load_paths([ROGUES]) == []
    plans = [plan("well-behaved"), plan("kills-itself"), plan("raises"), plan("finetune"), plan("nan")]
    done = {item.plan.job.method: item for item in executor(store).run(plans, lambda _: 1.0)}
    statuses = {method: item.record.status for method, item in done.items()}
    assert statuses == {
        "well-behaved": "ok",
        "kills-itself": "crashed",
        "raises": "error",
        "finetune": "ok",
        "nan": "invalid_output",
    }
    assert {record.method: record.status for record in store.scan().records} == statuses


def test_longest_first(store):
    expected = {0: 1.0, 1: 9.0, 2: 5.0}
    plans = [plan("finetune", seed) for seed in expected]
    order = [item.plan.job.seed for item in executor(store, workers=1).run(plans, lambda p: expected[p.job.seed])]
    assert order == [1, 2, 0]


def test_a_store_that_fails_in_the_middle_stops_the_run_and_says_so(store, monkeypatch):
    written = []

    def write(self, record):
        if written:
            raise StoreError("the store cannot be written: No space left on device")
        written.append(record)

    monkeypatch.setattr(Store, "write", write)
    done = list(executor(store, workers=1).run([plan("finetune", seed) for seed in range(4)], lambda _: 1.0))
    assert sum(item.record is not None for item in done) == 1
    problems = sorted(item.problem for item in done if item.record is None)
    assert problems == ["not run, since the store cannot be written"] * 2 + [
        "the store cannot be written: No space left on device"
    ]


def test_a_fault_of_the_harness_costs_one_job(store, monkeypatch):
    real = runner.run_job

    def run_job(chosen, *arguments, **options):
        if chosen.job.seed == 0:
            raise ZeroDivisionError("a bug")
        return real(chosen, *arguments, **options)

    monkeypatch.setattr(runner, "run_job", run_job)
    done = {d.plan.job.seed: d for d in executor(store).run([plan("finetune", 0), plan("finetune", 1)], lambda _: 1.0)}
    assert done[0].record is None
    assert "a fault of the harness" in done[0].problem
    assert "ZeroDivisionError: a bug" in done[0].problem
    assert done[1].record.status == "ok"


def test_closing_early_ends_contestants_and_writes_no_record_of_them(store, registries):
    assert plugins.load_paths([ROGUES]) == []
    # Two workers: when the first job is done, two that never end are running and two have not started.
    plans = [plan("well-behaved"), *(plan("sleeps", seed) for seed in range(4))]
    running = executor(store).run(plans, lambda p: float(p.job.method == "well-behaved"))
    assert next(running).plan.job.method == "well-behaved"
    start = time.perf_counter()
    running.close()
    assert time.perf_counter() - start < 20
    assert [record.method for record in store.scan().records] == ["well-behaved"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("judge")]


@contextlib.contextmanager
def held_elsewhere(mode: str):
    """Another process that holds the machine's lock, shared ("read_lock") or alone ("write_lock"), until it is told."""
    path = data.cache_root() / "locks" / "machine.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    program = (
        "import sys, filelock\n"
        f"with filelock.ReadWriteLock(sys.argv[1]).{mode}():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder


class TestTimingTracks:
    @pytest.fixture
    def timing(self, monkeypatch):
        track = find_track("forgetting.permuted")
        monkeypatch.setattr(track, "timing", True)

    @pytest.mark.usefixtures("timing")
    def test_run_one_at_a_time_with_all_cores(self, store, monkeypatch):
        real, seen, now = runner.run_job, [], [0]

        def run_job(chosen, conditions, *, threads, alone):
            now[0] += 1
            seen.append((now[0], threads, alone))
            record = real(chosen, conditions, threads=threads, alone=alone)
            now[0] -= 1
            return record

        monkeypatch.setattr(runner, "run_job", run_job)
        monkeypatch.setattr("benchmark.device.available_cores", lambda: 2)
        assert len(list(executor(store).run([plan("finetune", 0), plan("finetune", 1)], lambda _: 1.0))) == 2
        assert seen == [(1, 2, True), (1, 2, True)]

    @pytest.mark.usefixtures("timing")
    def test_wait_for_other_invocations(self, store):
        waits: list[str] = []
        with held_elsewhere("read_lock") as holder:
            threading.Timer(1.0, holder.stdin.close).start()
            done = list(executor(store, waits=waits).run([plan("finetune")], lambda _: 1.0))
        assert waits == ["other invocations run jobs"]
        assert done[0].record.status == "ok"

    def test_others_wait_for_them(self, store):
        waits: list[str] = []
        with held_elsewhere("write_lock") as holder:
            threading.Timer(1.0, holder.kill).start()  # a lock ends with its process, however that ends
            done = list(executor(store, waits=waits).run([plan("finetune")], lambda _: 1.0))
        assert waits == ["another invocation runs timing jobs"]
        assert done[0].record.status == "ok"


def test_a_gpu_has_one_job_at_a_time(store):
    assert executor(store, conditions=replace(CONDITIONS, device_name="cuda:0"), workers=8).workers == 1
