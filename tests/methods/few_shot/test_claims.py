"""Do the effects that the papers claim appear, on drawn and on real data? Nothing was tuned on these seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmark.contestant.remote import Limits
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job

CONDITIONS = Conditions("cpu", Limits(seconds=3000, bytes=8 * 2**30))


def contest(track: str, method: str, tier: str, *, root: Path | None = None, **budget: object) -> Record:
    plan = Plan.of(Job(track, method, tier, 0))
    if root is not None:
        plan = replace(plan, source=replace(plan.source, root=root))
    record = run_job(replace(plan, budget=replace(plan.budget, **budget)), CONDITIONS, threads=1, alone=False)
    assert record.status == "ok", record.failure
    return record


def gain(one: Record, other: Record, shots: int) -> tuple[float, float]:
    """Mean paired difference over episodes in points, and the half width of its 95 % interval."""
    raw = (torch.tensor(record.metrics[f"accuracy_{shots}_shot"].raw, dtype=torch.float64) for record in (one, other))
    first, second = raw
    difference = first - second
    return float(difference.mean()), 1.96 * float(difference.std()) / len(difference) ** 0.5


def test_calibration_beats_its_own_transformation_at_one_shot_on_families():
    """At 5 shots the published gain is none, and here it is a loss. Raw and normalised features with a tuned C are as
    good as calibration at 1 shot, so nothing is asserted of them."""
    dc, tukey = (contest("few_shot.novel_classes", method, "quick") for method in ("dc", "lr-tukey"))
    mean, half = gain(dc, tukey, 1)
    assert mean - half > 0
    assert gain(dc, tukey, 5)[0] < mean


def test_calibration_has_nothing_to_borrow_from_unrelated_classes():
    """Letters of other scripts are no family of Latin, Greek and Cyrillic ones, and their features are good already."""
    dc, tukey = (
        contest("few_shot.novel_classes", method, "quick@glyphs", base=30, episodes=300)
        for method in ("dc", "lr-tukey")
    )
    mean, half = gain(dc, tukey, 1)
    assert mean - half < 0


def test_startup_beats_transfer_and_the_student_without_a_target():
    startup, control, transfer = (
        contest("few_shot.extreme", method, "quick") for method in ("startup", "startup-no-target", "transfer")
    )
    for shots in (1, 5):
        for other in (control, transfer):
            assert gain(startup, other, shots)[0] >= 4


@pytest.mark.slow  # a quarter of a minute; the same claim on characters is not
@pytest.mark.real_data
def test_startup_beats_transfer_on_digits_over_textures(real_data):
    """At a fifth of the steps."""
    startup, transfer = (
        contest("few_shot.extreme", method, "standard", root=real_data, base=30, unlabelled=50, novel=60, size=20,
                student_steps=80, episodes=200)
        for method in ("startup", "transfer")
    )  # fmt: skip
    for shots in (1, 5):
        mean, half = gain(startup, transfer, shots)
        assert mean - half > 0


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("tier", ["standard", "standard@cifar10"])
def test_standard_tier_of_startup(real_data, tier):
    startup, transfer = (
        contest("few_shot.extreme", method, tier, root=real_data) for method in ("startup", "transfer")
    )
    for shots in (1, 5):
        mean, half = gain(startup, transfer, shots)
        assert mean - half > 0
