"""The track `long_sequence.encode`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import ContestantError
from benchmark.results.job import Tier
from benchmark.tasks.answers import wrong
from benchmark.tasks.long_sequence import checks, timing
from benchmark.tasks.long_sequence.timing import Series, Tokens
from benchmark.tasks.rules import Budget, Outcome, Rules, Setup
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw
    from benchmark.tasks.rules import Contestant

NAME = "long_sequence.encode"
SPEED_UP = Metric(
    "speed_up", "x", True, "forward, over exact attention; geometric mean over the ranked lengths", measured=True
)
GRADIENT = Metric("gradient_speed_up", "x", True, "the same, forward and backward", measured=True)
ERROR = Metric("error", "%", False, "of outputs, relative to exact attention's; mean over lengths")
MEMORY = Metric(
    "memory", "MiB", False, "of a forward call at the longest ranked length, inputs included", measured=True
)
NOISE = Metric("noise", "%", False, "difference between two series of timings of the same kernel", measured=True)


class Encoder(Protocol):
    """What a method of `encode` implements. Built once per job as `Method(setup)`."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend: every token to all. All tensors (batch, heads, length, dim) float32, also the one returned."""

    def gradients(self, q: Tensor, k: Tensor, v: Tensor, push: Tensor) -> list[Tensor]:
        """Gradients of (forward(q, k, v) * push).sum() with respect to q, k and v; includes going forward."""


@dataclass(frozen=True, slots=True)
class EncodeSetup(Setup):
    """What the contestant is told: the sizes that do not change."""

    batch: int
    heads: int
    dim: int


@dataclass(frozen=True, slots=True)
class EncodeBudget(Budget):
    """Sizes of a tier. lengths: ranked;  beyond: tried if a call should take at most `longest` seconds;  gradients:
    lengths at which those are timed;  patience: seconds for the timings at one length;  noise: limit of the A/A test,
    in %."""

    batch: int
    heads: int
    dim: int
    lengths: tuple[int, ...]
    beyond: tuple[int, ...]
    gradients: tuple[int, ...]
    patience: float
    longest: float
    noise: float


@dataclass
class _Found:
    """What was measured of one call, by length."""

    series: dict[int, Series] = field(default_factory=dict)
    errors: dict[int, float] = field(default_factory=dict)
    bytes: dict[int, int] = field(default_factory=dict)

    def expected(self, length: int) -> float:
        """Seconds that a call at another length takes at most, if its cost grows with the square."""
        known = sorted(self.series)
        last = known[-1]
        return min(self.series[last].method) * (length / last) ** 2

    def median(self, length: int) -> float:
        """Seconds of a call."""
        return timing.quartiles(self.series[length].method)[1]

    def curve(self, batch: int) -> dict[str, list[float]]:
        """Tokens per second by length with quartiles, of the method and of exact attention, and the speed-up."""
        columns = ("length", "tokens_per_second", "low", "high", "exact_tokens_per_second", "speed_up")
        curve: dict[str, list[float]] = {column: [] for column in columns}
        for length, one in sorted(self.series.items()):
            tokens = batch * length
            fast, middle, slow = timing.quartiles(one.method)
            exact = tokens / timing.quartiles(one.exact)[1]
            row = (length, tokens / middle, tokens / slow, tokens / fast, exact, one.speed_up)
            for column, value in zip(columns, row, strict=True):
                curve[column].append(float(value))
        return curve


class _EncodeRules(Rules):
    def prepare(self, sizes: EncodeBudget, source: Source, draw: Draw) -> Tokens:
        longest = max(*sizes.lengths, *sizes.beyond)
        return Tokens.of(source, draw, batch=sizes.batch, heads=sizes.heads, length=longest, dim=sizes.dim)

    def tell(self, sizes: EncodeBudget, data: Tokens) -> dict[str, Any]:
        return {"batch": sizes.batch, "heads": sizes.heads, "dim": sizes.dim}

    def judge(self, contestant: Contestant, sizes: EncodeBudget, data: Tokens, clock: Clock) -> Outcome:
        forward, gradients = _Found(), _Found()
        too_large, too_slow = [], []
        with timing.threads(contestant.threads):
            for length in sizes.lengths:
                _measure(contestant, "forward", length, sizes, data, forward)
            checks.check_function(contestant, data, sizes.lengths[0])
            for length in sizes.gradients:
                _measure(contestant, "gradients", length, sizes, data, gradients)
            checks.check_gradients(contestant, data, sizes.gradients[0])
            for length in sizes.beyond:
                if forward.expected(length) > sizes.longest:
                    too_slow.append(float(length))
                    continue
                try:
                    _measure(contestant, "forward", length, sizes, data, forward)
                except ContestantError as problem:
                    if problem.status != "out_of_memory":
                        raise
                    too_large.append(float(length))
                    break
        noise = timing.noise([*forward.series.values(), *gradients.series.values()])
        gains = [forward.series[length].speed_up for length in sizes.lengths]
        slopes = [gradients.series[length].speed_up for length in sizes.gradients]
        errors = [forward.errors[length] for length in sizes.lengths]
        metrics = {
            SPEED_UP.name: SPEED_UP.value(statistics.geometric_mean(gains), raw=gains, per="length"),
            GRADIENT.name: GRADIENT.value(statistics.geometric_mean(slopes), raw=slopes, per="length"),
            ERROR.name: ERROR.value(sum(errors) / len(errors), raw=errors, per="length"),
            NOISE.name: NOISE.value(noise),
        }
        longest = sizes.lengths[-1]
        if longest in forward.bytes:
            metrics[MEMORY.name] = MEMORY.value(forward.bytes[longest] / 2**20)
        curves = {
            "forward": forward.curve(sizes.batch),
            "gradients": gradients.curve(sizes.batch),
            "memory": _by_length(forward.bytes, "bytes"),
            "error": _by_length(forward.errors, "error"),
            "out_of_memory": {"length": too_large},
            "too_slow": {"length": too_slow},
        }
        return Outcome(
            metrics,
            curves,
            {f"tokens/s at {longest}": sizes.batch * longest / forward.median(longest)},
            doubt=timing.doubt(noise, limit=sizes.noise),
        )


def _measure(contestant: Contestant, call: str, length: int, sizes: EncodeBudget, data: Tokens, found: _Found) -> None:
    """Warm up, then time the call at a length in alternation with exact attention, and look at an answer."""
    form = checks.form(call, (sizes.batch, sizes.heads, length, sizes.dim))
    warm_up = f"{call}, first"
    arguments = checks.arguments(data, call, length, "first")
    before = contestant.seconds(warm_up)
    _, needed = contestant.peak(call, *arguments, phase=warm_up, reply=form)
    if needed is not None:
        found.bytes[length] = needed + sum(x.nbytes for x in arguments)
    taken = contestant.seconds(warm_up) - before
    if taken < timing.LONG:  # a first call does what later ones need not: another tells how long those take
        timing.exact_seconds([arguments], data.device)
        contestant.call(call, *arguments, reply=form, phase=warm_up)
        taken = contestant.seconds(warm_up) - before - taken
    count = timing.burst(taken)
    series = found.series[length] = Series()
    errors = []
    for turn in timing.rounds(sizes.patience):
        calls = [checks.arguments(data, call, length, turn, place) for place in range(count)]
        if not series.exact or series.exact[0] * count < sizes.patience / 2:
            series.exact.append(timing.exact_seconds(calls, data.device))
        before = contestant.seconds(call)
        timing.settle()
        answers = contestant.burst(call, calls, phase=call, reply=form)
        series.method.append((contestant.seconds(call) - before) / count)
        if call == "forward":
            errors.append(checks.error(data, calls[0], answers[0]))
    if errors:
        found.errors[length] = errors[0]
        if max(errors) > 2 * errors[0] + 1:
            raise wrong(
                "forward", f"is {max(errors):.0f} % off in a later call at length {length}, {errors[0]:.0f} % at first"
            )


def _by_length(values: dict[int, Any], name: str) -> dict[str, list[float]]:
    lengths = sorted(values)
    return {"length": [float(length) for length in lengths], name: [float(values[length]) for length in lengths]}


def _budget(*, seconds: float, **sizes: Any) -> EncodeBudget:
    defaults: dict[str, Any] = {
        "batch": 1, "heads": 8, "dim": 64, "lengths": (256, 512, 1024, 2048, 4096, 8192), "beyond": (16384,),
        "gradients": (256, 512, 1024, 2048, 4096), "patience": 0.4, "longest": 1.0, "noise": 25.0,
    }  # fmt: skip
    return EncodeBudget("gaussian-tokens", seconds, **(defaults | sizes))


track: Track[Encoder] = Track(
    NAME,
    question="Every token attends to all: how much faster than exact attention, from which length on, how far off?",
    version=1,
    protocol=Encoder,
    setup=EncodeSetup,
    metrics=(SPEED_UP, GRADIENT, ERROR, MEMORY, NOISE),
    rules=_EncodeRules(),
    timing=True,
    tiers={
        Tier.SMOKE: _budget(
            seconds=0.5, heads=2, dim=16, lengths=(64, 128), beyond=(256,), gradients=(64,), patience=0.01, noise=1e9
        ),
        Tier.QUICK: _budget(seconds=20),
        Tier.STANDARD: _budget(
            seconds=120, batch=4, beyond=(16384, 32768, 65536), gradients=(256, 512, 1024, 2048, 4096, 8192),
            patience=3.0, longest=20.0, noise=15.0,
        ),
    },
)  # fmt: skip
