"""Which records answer a plan; `test_selection` has the cases of a store."""

from __future__ import annotations

from collections.abc import Callable

from benchmark.contestant.remote import Limits
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan


def test_a_time_in_doubt_is_taken_again_and_a_bound_would_be_no_different(make_record: Callable[..., Record]) -> None:
    conditions = Conditions("cpu", Limits(1, 1))
    for track, method, again in (("forgetting.permuted", "gpm", False), ("long_sequence.decode", "linear", True)):
        plan = Plan.of(Job(track, method, "smoke", 0))
        fields = {
            "track": track,
            "method": method,
            "tier": "smoke",
            "comparison": plan.comparison(conditions),
            "provenance": plan.provenance().model_dump(),
        }
        assert plan.is_answered_by(make_record(**fields), conditions)
        assert plan.is_answered_by(make_record(**fields, doubt="for a reason"), conditions) is not again
