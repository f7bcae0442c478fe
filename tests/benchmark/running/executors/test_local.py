from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial

import pytest
import torch

from benchmark import plugins
from benchmark.contestant.remote import Limits
from benchmark.errors import DataError
from benchmark.machine.paths import cache_root
from benchmark.results.job import Job
from benchmark.running import runner
from benchmark.running.executors import Made
from benchmark.running.executors.local import LocalExecutor, workers
from benchmark.running.plan import Conditions
from benchmark.tasks import find_track
from benchmark.tasks.rules import Network
from tests.places import ROGUES

CONDITIONS = Conditions("cpu", Limits(seconds=60, bytes=4 * 2**30))


def job(method: str, seed: int = 0) -> Job:
    return Job("forgetting.permuted", method, "smoke", seed)


def timed(method: str, number: int = 0) -> Job:
    return Job("long_sequence.decode", method, "smoke", number)


def executor(*, conditions: Conditions = CONDITIONS, workers: int = 2, waits=None) -> LocalExecutor:
    wait = (waits if waits is not None else []).append
    return LocalExecutor(conditions, workers=workers, on_wait=wait, on_start=[].append)


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


class TestNetworks:
    @pytest.fixture
    def made(self, monkeypatch):
        """What was made, in order; a job of seed 1 needs a network that cannot be had."""
        made: list[str] = []

        def make(seed):
            made.append(f"network {seed}")
            if seed == 1:
                raise DataError("no data for it")

        def networks(sizes, source, draw):
            return (Network("net", 1.0, partial(make, draw.seed)),)

        def run_job(plan, *_, **__):
            made.append(str(plan.job.seed))
            return "record"

        monkeypatch.setattr(find_track("forgetting.permuted").rules, "networks", networks, raising=False)
        monkeypatch.setattr(runner, "run_job", run_job)
        return made

    @pytest.mark.parametrize("conditions", [CONDITIONS, replace(CONDITIONS, in_process=True)])
    def test_are_made_once_before_their_jobs(self, made, conditions):
        jobs = [job("finetune"), job("ewc"), job("er")]
        found = list(executor(conditions=conditions).run(jobs))
        assert made == ["network 0", "0", "0", "0"]
        assert isinstance(found[0], Made)
        assert found[0].name == "forgetting.permuted/net/smoke-0"
        assert {item.record for item in found[1:]} == {"record"}

    @pytest.mark.parametrize("conditions", [CONDITIONS, replace(CONDITIONS, in_process=True)])
    def test_one_that_cannot_be_had_costs_its_jobs_alone(self, made, conditions):
        found = list(executor(conditions=conditions, workers=1).run([job("finetune", 0), job("finetune", 1)]))
        assert sorted(made) == ["0", "network 0", "network 1"]
        problems = {item.job.seed: item.problem for item in found if not isinstance(item, Made)}
        assert problems == {0: None, 1: "no data for it"}


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
    def test_a_round_runs_alone_with_all_cores(self, monkeypatch):
        real, seen, now, started = runner.run_round, [], [0], []

        def run_round(plans, conditions, *, threads):
            now[0] += 1
            seen.append((now[0], [plan.job.method for plan in plans], threads))
            records = real(plans, conditions, threads=threads)
            now[0] -= 1
            return records

        monkeypatch.setattr(runner, "run_round", run_round)
        monkeypatch.setattr("benchmark.machine.backends.cpu.available_cores", lambda: 2)
        jobs = [timed(name, number) for number in (0, 1) for name in ("linear", "softmax")]
        done = list(LocalExecutor(CONDITIONS, workers=2, on_wait=print, on_start=started.append).run(jobs))
        assert [item.record.status for item in done] == ["ok"] * 4
        assert seen == [(1, ["linear", "softmax"], 2)] * 2
        assert started == ["long_sequence.decode/smoke-0", "long_sequence.decode/smoke-1"]

    def test_a_fault_in_a_round_costs_that_round(self, monkeypatch):
        monkeypatch.setattr(runner, "run_round", lambda *_, **__: 1 / 0)
        done = list(executor().run([timed("linear"), timed("softmax")]))
        assert [item.record for item in done] == [None, None]
        assert all("ZeroDivisionError" in item.problem for item in done)

    def test_rounds_wait_for_other_invocations(self, monkeypatch):
        monkeypatch.setattr(runner, "run_round", lambda plans, *_, **__: ["record"] * len(plans))
        waits: list[str] = []
        with held_elsewhere("read_lock") as holder:
            threading.Timer(1.0, holder.stdin.close).start()
            done = list(executor(waits=waits).run([timed("linear")]))
        assert waits == ["other invocations run jobs"]
        assert done[0].record == "record"

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
