"""What the harness adds to a job: all that is neither the method nor its data."""

from __future__ import annotations

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.contestant.remote import Limits
from benchmark.processes import forkserver
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job
from benchmark.throughput import plugged


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """Plug-ins are loaded and the fork server runs, once per run and not per job."""
    forkserver.start()
    _run("forgetting.permuted", "smoke")


def _run(track: str, tier: str) -> Record:
    limits = Limits(seconds=300, bytes=int(psutil.virtual_memory().total) // 2)
    plugged.method(track, "gpm")
    plan = Plan.of(Job(track, "gpm", tier, 0))
    return run_job(plan, Conditions("cpu", limits), threads=1, alone=True)


@pytest.mark.benchmark(group="harness: one job, all told", min_rounds=5)
@pytest.mark.parametrize("tier", ["smoke", "quick"])
@pytest.mark.parametrize("track", ["forgetting.permuted", "forgetting.split"])
def test_job(benchmark: BenchmarkFixture, track: str, tier: str) -> None:
    """A whole job of GPM; extra_info holds the harness's own seconds in the last round, and its share of the job."""
    record: Record = benchmark.pedantic(_run, args=(track, tier), rounds=3 if tier == "quick" else 10)  # type: ignore[no-untyped-call]
    assert record.status == "ok"
    costs = record.costs
    assert 0 < costs.harness_seconds < costs.wall_seconds
    benchmark.extra_info["harness_seconds"] = round(costs.harness_seconds, 4)
    benchmark.extra_info["harness_share"] = round(costs.harness_seconds / costs.wall_seconds, 4)
