"""A round of `long_sequence.encode`: contestants in turn between two anchors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.errors import ContestantError
from benchmark.machine.meters import Clock
from benchmark.tasks.long_sequence import encode
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.rounds import FIRST, LAST, Rotation, Rounds
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.long_sequence.encode_stub import (
    BUDGET,
    SECOND_PER_PAIR,
    gradients,
    judge,
    judge_all,
    square_time,
    stub,
    tokens,
)


def values(outcome: Outcome, name: str) -> Any:
    return outcome.metrics[name].value


def test_methods_share_the_anchors() -> None:
    """All meet the same inputs, and the anchors stand at both ends of every turn."""
    methods = {"slow": stub(lambda name, length: 2e-3 * length), "fast": stub()}
    outcomes, _ = judge_all(**methods)
    ratio = values(outcomes["fast"], "speed_up") / values(outcomes["slow"], "speed_up")
    assert ratio == pytest.approx(2)
    for one, other in zip(methods["slow"].sent("gradients"), methods["fast"].sent("gradients"), strict=False):
        assert torch.equal(one[0], other[0])


def test_the_anchor_is_the_mean_of_its_processes() -> None:
    outcome = judge_all(last=lambda name, length: 1.21 * square_time(name, length), method=stub())[0]["method"]
    gains = [1.1 * SECOND_PER_PAIR * length / 1e-3 for length in (64, 128)]
    assert outcome.metrics["speed_up"].raw == pytest.approx(gains)
    assert values(outcome, "noise") == pytest.approx(21)
    assert "in two processes differed by 21 %, more than 10 %" in outcome.doubt
    assert judge()[0].doubt == ""


def test_one_that_fails_costs_no_other() -> None:
    def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if q.shape[2] == 128:
            raise ContestantError("crashed", "gone")
        return exact(q, k, v)

    outcomes, rotation = judge_all(sound=stub(), broken=stub(forward=forward))
    assert set(outcomes) == {"sound"}
    assert rotation.failures["broken"].status == "crashed"
    assert rotation.methods == ("sound",)


def test_a_failing_anchor_is_the_harness_own_fault() -> None:
    def broken(*_: Tensor) -> Tensor:
        raise ContestantError("error", "no kernel")

    rotation = Rotation({"method": stub()}, {FIRST: stub(forward=broken), LAST: stub()}, leave=lambda name: None)
    rules = encode.track.rules
    assert isinstance(rules, Rounds)
    with pytest.raises(ContestantError, match="no kernel"):
        rules.judge_round(rotation, BUDGET, tokens(), Clock())


def test_errors_are_shown_of_those_that_estimate_softmax() -> None:
    outcome, _ = judge(
        estimates=lambda: "other",
        forward=lambda q, k, v: 1.5 * exact(q, k, v),
        gradients=lambda *x: [1.5 * gradient for gradient in gradients(*x)],
    )
    assert "error" not in outcome.metrics
    assert "error" not in outcome.curves


def test_a_long_call_is_timed_once() -> None:
    _, method = judge(lambda name, length: 0.3)
    assert len([1 for name, arguments, _ in method.calls if name == "forward" and arguments[0].shape[2] == 128]) == 1


def test_every_turn_another_begins() -> None:
    rotation = Rotation({name: stub() for name in "abc"}, {FIRST: stub(), LAST: stub()}, leave=lambda name: None)
    assert ["".join(name for name in rotation.turn() if len(name) == 1) for _ in range(4)] == [
        "abc", "bca", "cab", "abc",
    ]  # fmt: skip
