"""Rounds of `long_sequence.encode` with contestants that do one thing, on a clock of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.machine.meters import Clock
from benchmark.seeding import Draw
from benchmark.tasks.long_sequence import encode
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.timing import Tokens
from benchmark.tasks.rounds import FIRST, LAST, Rotation, Rounds
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.long_sequence.timing_stub import Cost, TimedStub

plugins.load_datasets()
BUDGET = replace(
    encode.track.budget("smoke"),
    lengths=(64, 128),
    beyond=(256, 512),
    gradients=(64,),
    turns=2,
    longest=3.0,
    noise=10.0,
)
SECOND_PER_PAIR = 1e-5
PEAK = 7_000


def tokens(seed: int = 0, salt: str = "local") -> Tokens:
    return prepare("gaussian-tokens", seed, salt)


def prepare(data: str, seed: int = 0, salt: str = "local") -> Tokens:
    draw = Draw(encode.track.name, seed, salt, "cpu")
    found: Tokens = encode.track.rules.prepare(BUDGET, Source.of(catalogue.find(data)), draw)
    return found


def gradients(q: Tensor, k: Tensor, v: Tensor, push: Tensor) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in (q, k, v)]
    return list(torch.autograd.grad(exact(*leaves), leaves, push))


def linear_time(name: str, length: int) -> float:
    return 1e-3 * length


def square_time(name: str, length: int) -> float:
    return SECOND_PER_PAIR * length**2


def stub(
    cost: Cost = linear_time, *, peak: Callable[[int], int | None] = lambda length: PEAK, **answers: Callable[..., Any]
) -> TimedStub:
    own = {"forward": exact, "gradients": gradients, "estimates": lambda: "softmax"}
    return TimedStub(cost, own | answers, peak)


def judge_all(*, last: Cost = square_time, **methods: TimedStub) -> tuple[dict[str, Outcome], Rotation]:
    rotation = Rotation(methods, {FIRST: stub(square_time), LAST: stub(last)}, leave=lambda name: None)
    rules = encode.track.rules
    assert isinstance(rules, Rounds)
    return rules.judge_round(rotation, BUDGET, tokens(), Clock()), rotation


def judge(*arguments: Any, **options: Any) -> tuple[Outcome, TimedStub]:
    """One method alone; raises what put it out of the round."""
    method = stub(*arguments, **options)
    outcomes, rotation = judge_all(method=method)
    if rotation.failures:
        raise rotation.failures["method"]
    return outcomes["method"], method
