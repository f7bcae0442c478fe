"""The track `long_sequence.decode`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Count, Floats, wrong
from benchmark.tasks.long_sequence import timing
from benchmark.tasks.long_sequence.timing import Series, Tokens
from benchmark.tasks.rules import Budget, Outcome, Rules, Setup
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw
    from benchmark.tasks.rules import Contestant

NAME = "long_sequence.decode"
SPEED_UP = Metric(
    "speed_up",
    "x",
    True,
    "over exact attention with cached keys and values; geometric mean over positions",
    measured=True,
)
SLOW_DOWN = Metric("slow_down", "x", False, "seconds of a step at the last position over the first", measured=True)
STATE = Metric("state", "MiB", False, "kept between steps at the last position, as the method says")
ERROR = Metric("error", "%", False, "of outputs, relative to exact attention's; mean over positions")
NOISE = Metric("noise", "%", False, "difference between two series of timings of the same kernel", measured=True)

_COLUMNS = ("position", "tokens_per_second", "low", "high", "exact_tokens_per_second", "speed_up", "state_bytes")


class Decoder(Protocol):
    """What a method of `decode` implements. Built once per job as `Method(setup)`; reads one batch of sequences."""

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Take the next tokens of the prompt and attend: each to itself and all before it.

        All tensors (batch, heads, length, dim) float32, also the one returned.
        """

    def step(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The same for one token: (batch, heads, 1, dim)."""

    def state_bytes(self) -> int:
        """Bytes of what it keeps of the tokens so far."""


@dataclass(frozen=True, slots=True)
class DecodeSetup(Setup):
    """What the contestant is told. longest: so many tokens come at most."""

    batch: int
    heads: int
    dim: int
    longest: int


@dataclass(frozen=True, slots=True)
class DecodeBudget(Budget):
    """Sizes of a tier. positions: rising, at which steps are timed;  rounds: timings at each, in any case, as further
    tokens follow from where they end;  steps: in a row per timing;  noise: limit of the A/A test, in %."""

    batch: int
    heads: int
    dim: int
    positions: tuple[int, ...]
    rounds: int
    steps: int
    noise: float

    @property
    def longest(self) -> int:
        """Tokens that may come: the last position, and the steps timed there."""
        return self.positions[-1] + (1 + self.rounds) * self.steps


class _DecodeRules(Rules):
    def prepare(self, sizes: DecodeBudget, source: Source, draw: Draw) -> Tokens:
        return Tokens.of(source, draw, batch=sizes.batch, heads=sizes.heads, length=sizes.longest, dim=sizes.dim)

    def tell(self, sizes: DecodeBudget, data: Tokens) -> dict[str, Any]:
        return {"batch": sizes.batch, "heads": sizes.heads, "dim": sizes.dim, "longest": sizes.longest}

    def judge(self, contestant: Contestant, sizes: DecodeBudget, data: Tokens, clock: Clock) -> Outcome:
        q, k, v = (x.to(data.device) for x in data.stretch(sizes.longest, "decode"))
        curve: dict[str, list[float]] = {column: [] for column in _COLUMNS}
        series, errors, medians, now = [], [], [], 0
        with timing.threads(contestant.threads):
            for position in sizes.positions:
                prompt = [x[:, :, now:position] for x in (q, k, v)]
                contestant.call("read", *prompt, reply=Floats(*prompt[0].shape))
                state = contestant.call("state_bytes", reply=Count("bytes"), phase="check")
                one, off, now = _steps(contestant, sizes, (q, k, v), position, data.device)
                series.append(one)
                errors.append(off)
                fast, middle, slow = (sizes.batch / x for x in timing.quartiles(one.method))
                medians.append(sizes.batch / middle)
                exact = sizes.batch / timing.quartiles(one.exact)[1]
                row = (position, middle, slow, fast, exact, one.speed_up, state)
                for column, value in zip(_COLUMNS, row, strict=True):
                    curve[column].append(float(value))
        gains = [one.speed_up for one in series]
        noise = timing.noise(series)
        metrics = {
            SPEED_UP.name: SPEED_UP.value(statistics.geometric_mean(gains), raw=gains, per="position"),
            SLOW_DOWN.name: SLOW_DOWN.value(medians[-1] / medians[0]),
            STATE.name: STATE.value(curve["state_bytes"][-1] / 2**20),
            ERROR.name: ERROR.value(sum(errors) / len(errors), raw=errors, per="position"),
            NOISE.name: NOISE.value(noise),
        }
        rates = {
            "prompt tokens/s": sizes.batch * sizes.positions[-1] / contestant.seconds("read"),
            f"tokens/s at {sizes.positions[-1]}": curve["tokens_per_second"][-1],
        }
        return Outcome(metrics, {"decode": curve}, rates, doubt=timing.doubt(noise, limit=sizes.noise))


def _steps(
    contestant: Contestant, sizes: DecodeBudget, tokens: tuple[Tensor, ...], position: int, device: str
) -> tuple[Series, float, int]:
    """Time steps from a position on, after some that are not timed: the series, the error in %, and the new place."""
    import torch

    from benchmark.tasks.long_sequence.attention.softmax import exact

    def exact_steps(start: int) -> list[Tensor]:
        q, k, v = tokens
        ends = range(start + 1, start + sizes.steps + 1)
        return [exact(q[:, :, end - 1 : end], k[:, :, :end], v[:, :, :end]) for end in ends]

    def steps(start: int, phase: str) -> list[Tensor]:
        calls = [tuple(x[:, :, at : at + 1] for x in tokens) for at in range(start, start + sizes.steps)]
        shape = (sizes.batch, sizes.heads, 1, sizes.dim)
        return contestant.burst("step", calls, phase=phase, reply=Floats(*shape))

    series, now = Series(), position + sizes.steps
    off = timing.error(torch.cat(steps(position, "step, first"), 2), torch.cat(exact_steps(position), 2).cpu())
    for _ in range(sizes.rounds):
        start = now
        series.exact.append(timing.seconds(partial(exact_steps, start), device) / sizes.steps)
        before = contestant.seconds("step")
        timing.settle()
        found = steps(start, "step")
        series.method.append((contestant.seconds("step") - before) / sizes.steps)
        now += sizes.steps
    last = timing.error(torch.cat(found, 2), torch.cat(exact_steps(start), 2).cpu())
    if last > 2 * off + 100:  # an honest method may lose tokens that it still had at first; nonsense is off by 100 %
        raise wrong("step", f"is {last:.0f} % off where it is timed, after position {position}; {off:.0f} % before")
    return series, off, now


def _budget(*, seconds: float, **sizes: Any) -> DecodeBudget:
    defaults: dict[str, Any] = {
        "batch": 4, "heads": 8, "dim": 64, "positions": (256, 1024, 4096), "rounds": 15, "steps": 16, "noise": 25.0,
    }  # fmt: skip
    return DecodeBudget("gaussian-tokens", seconds, **(defaults | sizes))


track: Track[Decoder] = Track(
    NAME,
    question="Token by token after a prompt: how fast is a step, and how much must be kept, as the text grows?",
    version=1,
    protocol=Decoder,
    setup=DecodeSetup,
    metrics=(SPEED_UP, SLOW_DOWN, STATE, ERROR, NOISE),
    rules=_DecodeRules(),
    timing=True,
    tiers={
        Tier.SMOKE: _budget(seconds=0.3, batch=1, heads=2, dim=16, positions=(16, 64), rounds=4, steps=4, noise=1e9),
        Tier.QUICK: _budget(seconds=2),
        Tier.STANDARD: _budget(
            seconds=60, batch=8, positions=(256, 1024, 4096, 16384), rounds=15, steps=64, noise=15.0
        ),
    },
)
