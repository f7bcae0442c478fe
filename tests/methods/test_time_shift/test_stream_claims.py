"""Do Tent's claims hold, on drawn and on real data? Nothing was tuned on these seeds, or on these corruptions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.contestant.remote import Limits
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.results.stats import Summary, summarise
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job
from benchmark.tasks.test_time_shift.corruptions import NAMES

CONDITIONS = Conditions("cpu", Limits(seconds=3000, bytes=8 * 2**30))


def contest(method: str, tier: str, *, seed: int = 0, root: Path | None = None, **budget: Any) -> Record:
    plan = Plan.of(Job("test_time_shift.corruption", method, tier, seed))
    if root is not None:
        plan = replace(plan, source=replace(plan.source, root=root))
    record = run_job(replace(plan, budget=replace(plan.budget, **budget)), CONDITIONS, threads=1, alone=False)
    assert record.status == "ok", record.failure
    return record


def differences(worse: list[Record], better: list[Record], name: str = "error_severity_5") -> Summary:
    """Of the metric, by seed."""
    return summarise(
        [one.metrics[name].value - other.metrics[name].value for one, other in zip(worse, better, strict=True)]
    )


def mean(records: list[Record], name: str = "error_severity_5") -> float:
    return sum(record.metrics[name].value for record in records) / len(records)


def test_batch_statistics_lower_the_error_of_the_source_by_a_sixth() -> None:
    small = {"classes": 5, "train": 100, "epochs": 5, "images": 200, "brief": 50}
    source, batch = (contest(name, "quick", **small) for name in ("source", "batch-norm"))
    assert source.metrics["clean_error"].value <= 5
    assert batch.metrics["error_severity_5"].value <= 5 / 6 * source.metrics["error_severity_5"].value


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_on_glyphs() -> None:
    """Tent below batch statistics below the source model, with paired intervals over seeds apart: longer streams."""
    long = {
        "train": 300, "size": 20, "epochs": 6, "images": 4000, "batch_size": 50, "short": 300, "others": NAMES,
        "small_batch": 16,
    }  # fmt: skip
    source, batch, tent, fast = (
        [contest(name, "quick", seed=seed, **long) for seed in range(3)]
        for name in ("source", "batch-norm", "tent", "tent-fast")
    )
    assert mean(source, "clean_error") <= 3
    for worse, better, least in ((source, batch, 5.0), (batch, tent, 0.2), (batch, fast, 0.8)):
        apart = differences(worse, better)
        assert apart.half_width is not None
        assert apart.mean - apart.half_width > 0
        assert apart.mean > least
    for record in (*tent, *fast):
        entropies = record.curves["stream"]["entropy"]
        assert sum(entropies[-5:]) < sum(entropies[:5])
    # Where it gets worse: streams sorted by class ruin the statistics; small batches are worse than large ones.
    assert mean(batch, "error_sorted") > mean(source, "error_short")
    assert mean(tent, "error_sorted") > mean(source, "error_short")
    assert mean(tent, "error_small_batches") > mean(tent, "error_short")


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(3600)
def test_on_mnist(real_data: Path) -> None:
    """With as few training images as glyphs have: the statistics halve the error, and Tent does no harm to that."""
    source, batch, tent = ([contest(name, "quick@mnist", root=real_data)] for name in ("source", "batch-norm", "tent"))
    assert mean(source, "clean_error") <= 5
    assert mean(batch) <= 0.7 * mean(source)
    assert mean(tent) <= mean(batch) + 0.5


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(6 * 3600)
def test_on_cifar10(real_data: Path) -> None:
    """The standard tier's long streams, with a source model of its own for each of three seeds: three to four hours."""
    source, batch, tent = (
        [contest(name, "standard", seed=seed, root=real_data, short=10) for seed in range(3)]
        for name in ("source", "batch-norm", "tent")
    )
    assert mean(source, "clean_error") <= 15
    for worse, better, least in ((source, batch, 10.0), (batch, tent, 0.0)):
        apart = differences(worse, better)
        assert apart.half_width is not None
        assert apart.mean - apart.half_width > least
