from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import torch

from benchmark import plugins
from benchmark.contestant.remote import Limits
from benchmark.machine.paths import cache_root
from benchmark.results.job import Job
from benchmark.running import runner
from benchmark.running.executors.local import LocalExecutor, workers
from benchmark.running.plan import Conditions
from benchmark.tasks import find_track
from tests.places import ROGUES

CONDITIONS = Conditions("cpu", Limits(seconds=60, bytes=4 * 2**30))


def job(method: str, seed: int = 0) -> Job:
    return Job("forgetting.permuted", method, "smoke", seed)


def executor(*, conditions: Conditions = CONDITIONS, workers: int = 2, waits=None) -> LocalExecutor:
    return LocalExecutor(conditions, workers=workers, on_wait=(waits if waits is not None else []).append)


def test_one_failure_costs_no_other_job(registries):
    assert plugins.read_paths([ROGUES]) == []
    jobs = [job(name) for name in ("well-behaved", "kills-itself", "raises", "finetune", "nan")]
    done = {item.job.method: item for item in executor().run(jobs)}
    assert {method: item.record.status for method, item in done.items()} == {
        "well-behaved": "ok",
        "kills-itself": "crashed",
        "raises": "error",
        "finetune": "ok",
        "nan": "invalid_output",
    }


def test_in_the_order_given():
    order = [item.job.seed for item in executor(workers=1).run([job("finetune", seed) for seed in (1, 2, 0)])]
    assert order == [1, 2, 0]


def test_it_leaves_this_process_as_many_threads_as_it_had():
    torch.set_num_threads(2)
    running = executor(workers=1).run([job("finetune")])
    next(running)
    assert torch.get_num_threads() == 1
    running.close()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_a_fault_of_the_harness_costs_one_job(monkeypatch):
    real = runner.run_job

    def run_job(chosen, *arguments, **options):
        if chosen.job.seed == 0:
            raise ZeroDivisionError("a bug")
        return real(chosen, *arguments, **options)

    monkeypatch.setattr(runner, "run_job", run_job)
    done = {item.job.seed: item for item in executor().run([job("finetune", 0), job("finetune", 1)])}
    assert done[0].record is None
    assert "a fault of the harness" in done[0].problem
    assert "ZeroDivisionError: a bug" in done[0].problem
    assert done[1].record.status == "ok"


def test_closing_early_ends_contestants(registries):
    assert plugins.read_paths([ROGUES]) == []
    # Two workers: when the first job is done, two that never end are running and two have not started.
    running = executor().run([job("well-behaved"), *(job("sleeps", seed) for seed in range(4))])
    assert next(running).job.method == "well-behaved"
    start = time.perf_counter()
    running.close()
    assert time.perf_counter() - start < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("judge")]


@contextlib.contextmanager
def held_elsewhere(mode: str):
    """Another process that holds the machine's lock, shared ("read_lock") or alone ("write_lock"), until it is told."""
    path = cache_root() / "locks" / "machine.lock"
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


@pytest.mark.usefixtures("own_cache")
class TestTimingTracks:
    @pytest.fixture
    def timing(self, monkeypatch):
        track = find_track("forgetting.permuted")
        monkeypatch.setattr(track, "timing", True)

    @pytest.mark.usefixtures("timing")
    def test_run_one_at_a_time_with_all_cores(self, monkeypatch):
        real, seen, now = runner.run_job, [], [0]

        def run_job(chosen, conditions, *, threads, alone):
            now[0] += 1
            seen.append((now[0], threads, alone))
            record = real(chosen, conditions, threads=threads, alone=alone)
            now[0] -= 1
            return record

        monkeypatch.setattr(runner, "run_job", run_job)
        monkeypatch.setattr("benchmark.machine.backends.cpu.available_cores", lambda: 2)
        assert len(list(executor().run([job("finetune", 0), job("finetune", 1)]))) == 2
        assert seen == [(1, 2, True), (1, 2, True)]

    @pytest.mark.usefixtures("timing")
    def test_wait_for_other_invocations(self):
        waits: list[str] = []
        with held_elsewhere("read_lock") as holder:
            threading.Timer(1.0, holder.stdin.close).start()
            done = list(executor(waits=waits).run([job("finetune")]))
        assert waits == ["other invocations run jobs"]
        assert done[0].record.status == "ok"

    def test_others_wait_for_them(self):
        waits: list[str] = []
        with held_elsewhere("write_lock") as holder:
            threading.Timer(1.0, holder.kill).start()  # a lock ends with its process, however that ends
            done = list(executor(waits=waits).run([job("finetune")]))
        assert waits == ["another invocation runs timing jobs"]
        assert done[0].record.status == "ok"


def test_a_device_that_is_leased_has_one_job_at_a_time(monkeypatch):
    monkeypatch.setattr("benchmark.machine.backends.cuda.lease", lambda name: "gpu-1")
    assert executor(conditions=replace(CONDITIONS, device_name="cuda:0"), workers=8).workers == 1
    assert workers("cuda:0", 8) == 1
    assert workers("cpu", 8) == 8
