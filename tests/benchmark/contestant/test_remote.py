"""Whatever a contestant does becomes a record with a clear sentence, and costs nobody else anything."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil
import pytest

from benchmark import plugins
from benchmark.contestant.remote import Limits
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job
from tests.places import ROGUES

GENEROUS = Limits(seconds=60, bytes=4 * 2**30)


@pytest.fixture
def rogues(registries):
    assert plugins.load_paths([ROGUES]) == []


def contest(method: str, limits: Limits = GENEROUS, *, in_process: bool = False) -> Record:
    plan = Plan.of(Job("forgetting.permuted", method, "smoke", 0))
    return run_job(plan, Conditions("cpu", limits, in_process=in_process), threads=1, alone=False)


@pytest.mark.usefixtures("rogues")
class TestFailures:
    @pytest.mark.parametrize(
        ("method", "status", "message"),
        [
            ("raises", "error", "ValueError: the learning rate must be positive"),
            ("raises-at-birth", "error", "RuntimeError: no such optimiser"),
            ("leaves", "error", "SystemExit: had enough"),
            ("kills-itself", "crashed", "killed by SIGKILL"),
            ("segfaults", "crashed", "killed by SIGSEGV"),
            ("exits", "crashed", "exit code 0"),
            ("nan", "invalid_output", "NaN or infinity for 100 of 100 inputs"),
            ("one-nan", "invalid_output", "NaN or infinity for 1 of 100 inputs"),
            ("wrong-shape", "invalid_output", r"shape \(100,\); return a float tensor \(100, 10\)"),
            ("wrong-type", "invalid_output", r"returned list; return a float tensor \(100, 10\)"),
            ("integers", "invalid_output", "torch.int64"),
            ("object", "invalid_output", "the reply\\['scores'\\] is a module"),
            ("negative-memory", "invalid_output", "memory\\(\\) returned -1"),
            ("unpickle-me", "invalid_output", "what is no reply"),
            ("self-made-failure", "invalid_output", "a failure that is none"),
        ],
    )
    def test_becomes_a_record_that_says_what_happened(self, method, status, message):
        record = contest(method)
        assert record.status == status
        assert record.failure is not None
        assert re.search(message, record.failure.message), record.failure.message
        assert record.metrics == {}
        assert not record.ranked

    def test_keeps_the_last_lines_of_the_traceback(self):
        record = contest("raises")
        assert record.failure is not None
        assert "in learn" in record.failure.details
        assert record.failure.details.endswith("ValueError: the learning rate must be positive")

    def test_keeps_the_last_lines_of_output_of_a_process_that_died(self):
        dead, crashed = contest("kills-itself"), contest("segfaults")
        assert dead.failure is not None
        assert dead.failure.details == "about to die"
        assert crashed.failure is not None
        assert "Fatal Python error: Segmentation fault" in crashed.failure.details

    def test_never_unpickles(self):
        bomb = Path("/tmp/heptathlon-bomb-went-off")
        contest("unpickle-me")
        assert not bomb.exists()

    def test_sleeping_for_ever_ends_at_the_time_limit(self):
        start = time.perf_counter()
        record = contest("sleeps", Limits(seconds=0.5, bytes=2**30))
        assert record.status == "timeout"
        assert record.failure is not None
        assert "time limit of 0.5 s" in record.failure.message
        assert record.costs.phases["train"] >= 0.3
        assert time.perf_counter() - start < 30

    def test_what_it_started_ends_with_it(self):
        record = contest("spawns-and-sleeps", Limits(seconds=1.0, bytes=2**30))
        assert record.failure is not None
        child = int(re.search(r"child (\d+)", record.failure.details)[1])
        deadline = time.monotonic() + 10
        while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the child outlived its contestant"
            time.sleep(0.05)

    @pytest.mark.parametrize("method", ["hoards", "hoards-python"])
    def test_allocating_without_end_ends_at_the_memory_limit(self, method):
        record = contest(method, Limits(seconds=60, bytes=2**29))
        assert record.status == "out_of_memory"
        assert record.costs.peak_bytes is None or record.costs.peak_bytes < 3 * 2**30

    def test_evaluation_labels_are_not_in_its_process(self):
        assert contest("nosy").status == "ok"

    def test_the_next_job_is_not_affected(self):
        contest("kills-itself")
        assert contest("well-behaved").status == "ok"


def test_costs_are_accounted_for():
    costs = contest("finetune").costs
    assert set(costs.phases) == {"build", "train", "predict", "memory"}
    parts = costs.method_seconds + costs.data_seconds + costs.harness_seconds
    assert costs.wall_seconds == pytest.approx(parts)
    assert costs.harness_seconds > 0
    assert costs.cpu_seconds is not None
    assert costs.cpu_seconds > 0
    assert costs.peak_bytes is not None
    assert costs.start_bytes is not None
    assert costs.peak_bytes >= costs.start_bytes > 2**20
    assert costs.rates["training samples/s"] > 0


def test_in_process_gives_the_same_numbers_and_never_ranks():
    remote, local = contest("gpm"), contest("gpm", in_process=True)
    assert local.in_process
    assert not local.ranked
    assert remote.ranked
    assert local.metrics == remote.metrics
    assert local.curves == remote.curves


@pytest.mark.usefixtures("rogues")
def test_in_process_failures_are_records_too():
    record = contest("raises", in_process=True)
    assert record.status == "error"
    assert record.failure is not None
    assert "in learn" in record.failure.details
