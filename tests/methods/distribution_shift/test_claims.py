"""Do the effects that the papers claim appear, on drawn and on real data? Nothing was tuned on these seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.contestant.remote import Limits
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job

CONDITIONS = Conditions("cpu", Limits(seconds=3000, bytes=8 * 2**30))


def contest(track: str, method: str, tier: str, *, seed: int = 0, root: Path | None = None, **budget: Any) -> Record:
    plan = Plan.of(Job(f"distribution_shift.{track}", method, tier, seed))
    if root is not None:
        plan = replace(plan, source=replace(plan.source, root=root))
    record = run_job(replace(plan, budget=replace(plan.budget, **budget)), CONDITIONS, threads=1, alone=False)
    assert record.status == "ok", record.failure
    return record


def metric(name: str, records: list[Record]) -> float:
    return sum(record.metrics[name].value for record in records) / len(records)


def at_level(level: float, records: list[Record]) -> float:
    place = sorted(set(records[0].curves["accuracy"]["noise"])).index(level)
    return sum(record.metrics["final_accuracy"].raw[place] for record in records) / len(records)


def check_pgi(pgi: list[Record], erm: list[Record]) -> None:
    """Single seeds gain between 22 and 39 points on MNIST, 26 and 35 on glyphs: the mean of three has a standard error
    of up to 5, and is three of them above 15."""
    gains = [
        metric("swapped_colours", [one]) - metric("swapped_colours", [other])
        for one, other in zip(pgi, erm, strict=True)
    ]
    assert min(gains) > 0
    assert sum(gains) / len(gains) >= 15
    assert metric("in_distribution", pgi) >= metric("in_distribution", erm) - 5
    assert metric("group_precision", pgi) >= 75
    assert metric("group_recall", pgi) >= 35
    assert "group_recall" not in erm[0].metrics


def check_sam(sam: list[Record], sgd: list[Record]) -> None:
    """Far above at 40 % of noise, and never much below SGD on clean labels."""
    assert at_level(0.4, sam) - at_level(0.4, sgd) >= 8
    assert at_level(0.0, sam) - at_level(0.0, sgd) >= -1.5
    assert metric("noise_fitted", sam) < metric("noise_fitted", sgd)


def check_mixup(mixup: list[Record], erm: list[Record]) -> None:
    """The paper claims no accuracy under attack, and at this size there is no gain."""
    assert metric("generalisation_gap", mixup) < metric("generalisation_gap", erm)
    assert metric("adversarial_loss", mixup) < metric("adversarial_loss", erm)


CLAIMS = pytest.mark.parametrize(
    ("track", "method", "baseline", "check", "seeds"),
    [
        ("spurious", "pgi", "erm", check_pgi, (0, 1, 2)),
        ("label_noise", "sam", "sgd", check_sam, (0,)),
        ("adversarial", "mixup", "erm", check_mixup, (0, 1)),
    ],
    ids=["pgi", "sam", "mixup"],
)


@CLAIMS
def test_on_glyphs(track: str, method: str, baseline: str, check: Any, seeds: tuple[int, ...]) -> None:
    """Of PGI one seed, for the time: single ones of the quick tier gain 16 to 23 points."""
    few = seeds[:1] if method == "pgi" else seeds
    check(*([contest(track, name, "quick", seed=seed) for seed in few] for name in (method, baseline)))


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(1800)
@CLAIMS
def test_on_mnist(track: str, method: str, baseline: str, check: Any, seeds: tuple[int, ...], real_data: Path) -> None:
    names = (method, baseline)
    check(*([contest(track, name, "standard", seed=seed, root=real_data) for seed in seeds] for name in names))
