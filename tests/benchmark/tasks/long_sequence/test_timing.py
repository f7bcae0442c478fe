"""How many calls are timed at once, and what is made of the times."""

from __future__ import annotations

import math

import pytest

from benchmark.tasks.long_sequence import timing
from benchmark.tasks.long_sequence.timing import Timings
from benchmark.tasks.rounds import FIRST, LAST


def timings(first: list[float], last: list[float], **methods: list[float]) -> Timings:
    found = Timings()
    found.seconds |= {FIRST: first, LAST: last, **methods}
    return found


def test_short_calls_come_several_at_once() -> None:
    assert [timing.burst(seconds) for seconds in (1.0, 0.01, 0.004, 1e-5, 0.0)] == [1, 1, 3, 8, 8]


def test_a_method_is_compared_with_both_anchors() -> None:
    found = timings([1.0, 1.0, 9.0], [4.0], method=[0.5])
    assert found.anchor == pytest.approx(2)
    assert found.speed_up("method") == pytest.approx(4)
    assert found.disagreement == pytest.approx(-math.log(4))


def test_no_more_is_timed_than_tells_something() -> None:
    found = timings([], [], long=[0.15, 0.15], short=[0.01])
    assert [found.wants(name) for name in ("long", "short", "new")] == [False, True, True]


def test_a_machine_that_disagrees_with_itself_leaves_doubt() -> None:
    steady, shaken = timings([1.0], [1.0]), timings([1.0], [2.0])
    assert timing.noise([steady]) == 0
    assert timing.noise([steady, shaken]) == pytest.approx(100 * (math.sqrt(2) - 1))
    assert timing.noise([shaken, timings([2.0], [1.0])]) == pytest.approx(0), "as a speed-up over both would be"
    assert "in two processes differed by 41 %, more than 5 %" in timing.doubt(41.4, limit=5)
    assert timing.doubt(41.4, limit=50) == ""
