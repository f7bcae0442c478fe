"""The rules of `long_sequence.encode` on contestants that do one thing, with a clock of the tests' own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark import plugins
from benchmark.errors import ContestantError, DataError
from benchmark.results.job import Job, Tier
from benchmark.running.plan import Plan
from benchmark.tasks.long_sequence import encode
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.long_sequence.encode_stub import (
    BUDGET,
    PEAK,
    SECOND_PER_PAIR,
    gradients,
    judge,
    prepare,
    tokens,
)

plugins.load_datasets()


def values(outcome: Outcome, name: str) -> Any:
    return outcome.metrics[name].value


class TestScores:
    def test_speed_up_is_over_exact_attention_at_each_length(self) -> None:
        outcome, _ = judge()
        gains = [SECOND_PER_PAIR * length / 1e-3 for length in (64, 128)]
        metric = outcome.metrics["speed_up"]
        assert metric.raw == pytest.approx(gains)
        assert metric.value == pytest.approx(math.sqrt(gains[0] * gains[1]))
        assert metric.per == "length"
        assert values(outcome, "gradient_speed_up") == pytest.approx(gains[0])
        assert values(outcome, "noise") == 0
        curve = outcome.curves["forward"]
        assert curve["length"] == [64, 128, 256, 512]
        assert curve["tokens_per_second"] == pytest.approx([1000] * 4)
        assert curve["exact_tokens_per_second"] == pytest.approx([1e5 / n for n in curve["length"]])
        assert outcome.curves["gradients"]["length"] == [64]
        assert outcome.rates == {"tokens/s at 128": pytest.approx(1000)}

    def test_errors_are_against_exact_attention(self) -> None:
        outcome, _ = judge()
        assert values(outcome, "error") < 1e-3
        outcome, _ = judge(
            forward=lambda q, k, v: 1.5 * exact(q, k, v),
            gradients=lambda *x: [1.5 * gradient for gradient in gradients(*x)],
        )
        assert outcome.metrics["error"].raw == pytest.approx([50, 50], rel=1e-4)
        assert outcome.curves["error"]["length"] == [64, 128, 256, 512]

    def test_memory_holds_the_inputs(self) -> None:
        outcome, _ = judge()
        inputs = 3 * BUDGET.heads * BUDGET.dim * 4
        assert outcome.curves["memory"]["bytes"] == [PEAK + inputs * length for length in (64, 128, 256, 512)]
        assert values(outcome, "memory") == pytest.approx((PEAK + inputs * 128) / 2**20)
        outcome, _ = judge(peak=lambda length: None)
        assert "memory" not in outcome.metrics
        assert outcome.curves["memory"] == {"length": [], "bytes": []}

    def test_inputs_are_new_for_every_call(self) -> None:
        _, stub = judge()
        for phase in ("forward", "gradients"):
            sent = [arguments[0] for arguments in stub.sent(phase) if arguments[0].shape[2] == 64]
            assert len(sent) >= 2
            assert all(not torch.equal(one, other) for place, one in enumerate(sent) for other in sent[:place])
        assert not torch.equal(tokens().q, tokens(seed=1).q)
        assert not torch.equal(tokens().q, tokens(salt="fresh").q)

    def test_values_hold_their_keys(self) -> None:
        """So that outputs depend on the weights: their mean alone is half off at length 2,048."""
        q, k, v = tokens().stretch(128, "any")
        # Four standard errors of 4,096 normal numbers: (1 - r^2) / 64 of a correlation, 1 / sqrt(8192) of a deviation.
        assert float(torch.corrcoef(torch.stack([k.flatten(), v.flatten()]))[0, 1]) == pytest.approx(0.5**0.5, abs=0.03)
        assert float(q.std()) == pytest.approx(0.35, rel=0.045)
        assert float(v.std()) == pytest.approx(1, rel=0.045)


class TestLengthsBeyond:
    def test_too_slow_ones_are_not_run(self) -> None:
        outcome, stub = judge(lambda name, length: 0.2 * length / 64)
        assert outcome.curves["too_slow"] == {"length": [512]}, "at most 3.2 s, if the cost grows with the square"
        assert outcome.curves["forward"]["length"] == [64, 128, 256]
        assert 512 not in {arguments[0].shape[2] for _, arguments, _ in stub.calls if arguments}

    def test_out_of_memory_is_a_result_there(self) -> None:
        def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            if q.shape[2] > 128:
                raise ContestantError("out_of_memory", "no more")
            return exact(q, k, v)

        outcome, stub = judge(forward=forward)
        assert outcome.curves["out_of_memory"] == {"length": [256]}
        assert 512 not in {arguments[0].shape[2] for _, arguments, _ in stub.calls if arguments}
        assert outcome.curves["forward"]["length"] == [64, 128]

    def test_and_a_failure_at_a_ranked_length(self) -> None:
        def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            raise ContestantError("out_of_memory", "no more")

        with pytest.raises(ContestantError, match="no more"):
            judge(forward=forward)

    def test_other_failures_stay_failures(self) -> None:
        def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            if q.shape[2] > 128:
                raise ContestantError("crashed", "gone")
            return exact(q, k, v)

        with pytest.raises(ContestantError, match="gone"):
            judge(forward=forward)


def lazy() -> Callable[..., Tensor]:
    """Does as it should in the first call at length 128."""
    seen: list[int] = []

    def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        seen.append(q.shape[2])
        return v if q.shape[2] == 128 and seen.count(128) > 1 else exact(q, k, v)

    return forward


BAD: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "shape": (
        {"forward": lambda q, k, v: v[:, :, 1:]},
        r"forward\(\) returned torch.float32 of shape \(1, 2, 63, 16\)",
    ),
    "nan": ({"forward": lambda q, k, v: v * torch.nan}, "NaN or infinity"),
    "no list": (
        {"gradients": lambda q, k, v, push: q},
        r"gradients\(\) returned no list of 3; return the gradients of q, k and v",
    ),
    "two": ({"gradients": lambda q, k, v, push: [q, k]}, "no list of 3; return the gradients of q, k and v"),
    "dice": ({"forward": lambda q, k, v: torch.randn(v.shape)}, "the same inputs other outputs"),
    "constant": ({"forward": lambda q, k, v: torch.ones_like(v)}, "other inputs the same outputs"),
    "lazy": ({"forward": lazy()}, "% off in a later call"),
    "wrong slope": ({"gradients": lambda *x: [2 * g for g in gradients(*x)]}, r"not the slope of forward\(\) in q"),
    "no slope": ({"gradients": lambda *x: [*gradients(*x)[:2], torch.zeros_like(x[2])]}, r"forward\(\) in v"),
    "noise": ({"gradients": lambda *x: [torch.randn(y.shape) for y in x[:3]]}, "not the slope"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_answers(name: str) -> None:
    answers, message = BAD[name]
    with pytest.raises(ContestantError, match=message) as error:
        judge(**answers)
    assert error.value.status == "invalid_output"


def test_other_datasets_have_no_tokens() -> None:
    message = "'glyphs' has no queries, keys and values; this track needs: gaussian-tokens"
    with pytest.raises(DataError, match=message):
        prepare("glyphs")


def test_every_tier_names_what_there_is() -> None:
    for tier in Tier:
        if tier in encode.track.tiers:
            plan = Plan.of(Job("long_sequence.encode", "softmax", tier, 0))
            assert plan.source.missing() is None
            assert list(plan.budget.lengths) == sorted(plan.budget.lengths)
            assert set(plan.budget.gradients) <= {*plan.budget.lengths, *plan.budget.beyond}
