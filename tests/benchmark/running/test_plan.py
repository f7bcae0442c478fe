"""Which records answer a plan; `test_selection` has the cases of a store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmark.contestant.remote import Limits
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan


def test_a_time_in_doubt_is_taken_again_and_a_bound_would_be_no_different(
    make_record: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, conditions = Plan.of(Job("forgetting.permuted", "gpm", "smoke", 0)), Conditions("cpu", Limits(1, 1))
    monkeypatch.setattr(plan.track, "timing", False)
    fields = {"tier": "smoke", "comparison": plan.comparison(conditions), "provenance": plan.provenance().model_dump()}
    assert plan.is_answered_by(make_record(**fields), conditions)
    assert plan.is_answered_by(make_record(**fields, doubt="never reached 90 %"), conditions)
    monkeypatch.setattr(plan.track, "timing", True)
    fields["comparison"] = plan.comparison(conditions)
    assert plan.is_answered_by(make_record(**fields), conditions)
    assert not plan.is_answered_by(make_record(**fields, doubt="timed on a busy machine"), conditions)
