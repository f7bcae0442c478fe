"""How often and how many at once calls are timed, and what is made of the times."""

from __future__ import annotations

import pytest
import torch

from benchmark.tasks.long_sequence import timing
from benchmark.tasks.long_sequence.timing import rounds


def test_timings_last_as_long_as_patience_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(call: float, patience: float) -> int:
        now = iter(call * place for place in range(100))
        monkeypatch.setattr(timing.time, "perf_counter", lambda: next(now))
        return len(list(rounds(patience)))

    assert count(0.001, 1.0) == timing.ROUNDS[1]
    assert count(0.2, 1.0) == 5
    assert count(0.5, 1.0) == timing.ROUNDS[0]
    assert count(10.0, 1.0) == 1


def test_short_calls_come_several_at_once() -> None:
    assert [timing.burst(seconds) for seconds in (1.0, 0.01, 0.004, 1e-5, 0.0)] == [1, 1, 3, 16, 16]


def test_quartiles() -> None:
    assert timing.quartiles([3.0]) == (3, 3, 3)
    assert timing.quartiles([1.0, 2, 3, 4, 5]) == (2, 3, 4)


def test_threads_are_given_back() -> None:
    with timing.threads((before := torch.get_num_threads()) + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
