"""Does full connection need d^2 samples and convolution the same at any d? Nothing was tuned on these seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.contestant.remote import Limits
from benchmark.results.job import Job, Tier
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job
from benchmark.tasks.sample_efficiency.rules import Ladder

CONDITIONS = Conditions("cpu", Limits(seconds=600, bytes=8 * 2**30))


def contest(method: str, seed: int, *ladders: Ladder) -> Record:
    plan = Plan.of(Job("sample_efficiency.architecture", method, Tier.QUICK, seed))
    if ladders:
        plan = replace(plan, budget=replace(plan.budget, ladders=ladders))  # type: ignore[call-arg]
    record = run_job(plan, CONDITIONS, threads=1, alone=False)
    assert record.status == "ok", record.failure
    return record


def test_twice_the_dimension_takes_four_times_the_samples_or_no_more_at_all() -> None:
    """With three repeats an N90 is good to 15 %: the ratio of two to a fifth. 4 and 1 are far from these bounds."""
    ladder = Ladder("halves", (8, 16), 2048, 200)
    ratios = {}
    for method in ("fc", "cnn", "quadratic-kernel"):
        samples = contest(method, 0, ladder).curves["samples"]["samples"]
        ratios[method] = samples[1] / samples[0]
    assert ratios["fc"] > 2.5
    assert ratios["quadratic-kernel"] > 2.5
    assert ratios["cnn"] < 1.6


@pytest.mark.slow  # half a minute
def test_exponents() -> None:
    found = {
        method: [contest(method, seed).metrics["exponent"].value for seed in range(3)]
        for method in ("fc", "cnn", "local", "quadratic-kernel")
    }
    means = {method: sum(values) / 3 for method, values in found.items()}
    assert 1.7 < means["fc"] < 2.3
    assert abs(means["cnn"]) < 0.3
    assert 1.5 < means["quadratic-kernel"] < 2.3
    assert 0.7 < means["local"] < 1.5  # each place learns its own filters: of the order of d
