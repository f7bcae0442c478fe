"""The rules of `long_sequence.decode` on contestants that do one thing, with a clock of the tests' own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.errors import ContestantError
from benchmark.machine.meters import Clock
from benchmark.seeding import Draw
from benchmark.tasks.long_sequence import decode
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.rounds import FIRST, LAST, Rotation, Rounds
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.long_sequence.timing_stub import Cost, TimedStub

plugins.load_datasets()
BUDGET = replace(decode.track.budget("smoke"), positions=(20, 60), turns=4, steps=3, noise=10.0)
EXACT_SECONDS = 0.02
"""Of a step of exact attention."""


class Cached:
    """Exact attention over all tokens so far."""

    def __init__(self) -> None:
        self.keys, self.values = torch.empty(1, 2, 0, 16), torch.empty(1, 2, 0, 16)

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        before = self.keys.shape[2]
        self.keys, self.values = torch.cat([self.keys, k], 2), torch.cat([self.values, v], 2)
        rows = range(before, self.keys.shape[2])
        parts = [
            exact(q[:, :, t - before : t - before + 1], self.keys[:, :, : t + 1], self.values[:, :, : t + 1])
            for t in rows
        ]
        return torch.cat(parts, 2)

    def state_bytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes


def stub(cost: Cost, **answers: Callable[..., Any]) -> TimedStub:
    cached = Cached()
    own = {
        "read": cached.read,
        "step": cached.read,
        "state_bytes": cached.state_bytes,
        "estimates": lambda: "softmax",
    }
    return TimedStub(cost, own | answers, lambda length: None)


def judge(cost: Cost = lambda name, length: 0.01, **answers: Callable[..., Any]) -> tuple[Outcome, TimedStub]:
    """One method alone; raises what put it out of the round."""
    method = stub(cost, **answers)
    anchors = {name: stub(lambda name, length: EXACT_SECONDS) for name in (FIRST, LAST)}
    rotation = Rotation({"method": method}, anchors, leave=lambda name: None)
    rules = decode.track.rules
    assert isinstance(rules, Rounds)
    data = rules.prepare(
        BUDGET, Source.of(catalogue.find("gaussian-tokens")), Draw(decode.track.name, 0, "local", "cpu")
    )
    outcomes = rules.judge_round(rotation, BUDGET, data, Clock())
    if rotation.failures:
        raise rotation.failures["method"]
    return outcomes["method"], method


def test_scores() -> None:
    outcome, _ = judge()
    assert outcome.metrics["speed_up"].raw == pytest.approx([2, 2])
    assert outcome.metrics["slow_down"].value == pytest.approx(1)
    assert outcome.metrics["error"].value < 1e-3
    assert outcome.metrics["state"].value == pytest.approx(60 * 2 * 2 * 16 * 4 / 2**20), "before steps at position 60"
    curve = outcome.curves["decode"]
    assert curve["position"] == [20, 60]
    assert curve["tokens_per_second"] == pytest.approx([100, 100])
    assert curve["exact_tokens_per_second"] == pytest.approx([50, 50])
    assert curve["state_bytes"] == [position * 2 * 2 * 16 * 4 for position in (20, 60)]
    assert outcome.rates["prompt tokens/s"] == pytest.approx(60 / 0.02)


def test_a_cache_that_grows_slows_down() -> None:
    steps = iter(range(1000))

    def cost(name: str, length: int) -> float:
        return 0.01 if name != "step" else 0.001 * (1 + next(steps) // 15)

    outcome, _ = judge(cost)
    assert outcome.metrics["slow_down"].value == pytest.approx(2)
    gains = outcome.metrics["speed_up"]
    assert gains.raw == pytest.approx([20, 10])
    assert gains.value == pytest.approx(math.sqrt(200))


def test_every_token_comes_once_and_in_order() -> None:
    _, stub = judge()
    tokens = [arguments[1] for name, arguments, _ in stub.calls if name in ("read", "step")]
    lengths = [x.shape[2] for x in tokens]
    assert lengths == [20, *[1] * 15, 25, *[1] * 15]
    assert BUDGET.longest == sum(lengths)
    everything = torch.cat(tokens, 2).flatten(0, 1).transpose(0, 1).flatten(1)
    assert len(everything.unique(dim=0)) == sum(lengths)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"read": lambda q, k, v: v[:, :, :1]}, r"read\(\) returned torch.float32 of shape \(1, 2, 1, 16\)"),
        ({"step": lambda q, k, v: v[:, :, 0]}, r"step\(\) returned .* return a float tensor \(1, 2, 1, 16\)"),
        ({"step": lambda q, k, v: v / 0}, "infinity"),
        ({"state_bytes": lambda: None}, r"state_bytes\(\) returned None; return a number of bytes"),
        ({"state_bytes": lambda: -1}, "returned -1"),
        ({"state_bytes": lambda: True}, "returned True"),
    ],
)
def test_bad_answers(answers: dict[str, Callable[..., Any]], message: str) -> None:
    with pytest.raises(ContestantError, match=message) as error:
        judge(**answers)
    assert error.value.status == "invalid_output"


def test_errors_are_shown_of_those_that_estimate_softmax() -> None:
    outcome, _ = judge(estimates=lambda: "other")
    assert "error" not in outcome.metrics


def test_nonsense_where_time_is_taken() -> None:
    cached, steps = Cached(), iter(range(1000))

    def step(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return cached.read(q, k, v) if next(steps) < 6 else 10 * v

    with pytest.raises(
        ContestantError, match=r"step\(\) is \d+ % off where it is timed, after position 20; 0 % before"
    ):
        judge(read=cached.read, step=step)
