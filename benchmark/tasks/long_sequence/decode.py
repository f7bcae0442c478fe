"""The track `long_sequence.decode`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Count, Floats, Word, wrong
from benchmark.tasks.long_sequence import timing
from benchmark.tasks.long_sequence.setups import DecodeSetup
from benchmark.tasks.long_sequence.timing import Timings, Tokens
from benchmark.tasks.rounds import Rotation, RoundBudget, Rounds
from benchmark.tasks.rules import Outcome
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw

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
ERROR = Metric(
    "error", "%", False, "of outputs, relative to exact attention's, if the method estimates it; mean over positions"
)
NOISE = Metric("noise", "%", False, "difference between two processes of exact attention in the round", measured=True)

_COLUMNS = ("position", "tokens_per_second", "exact_tokens_per_second", "speed_up", "state_bytes")


class Decoder(Protocol):
    """What a method of `decode` implements. Built once per round as `Method(setup)`; reads one batch of sequences."""

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Take the next tokens of the prompt and attend: each to itself and all before it.

        All tensors (batch, heads, length, dim) float32, also the one returned.
        """

    def step(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The same for one token: (batch, heads, 1, dim)."""

    def state_bytes(self) -> int:
        """Bytes of what it keeps of the tokens so far."""

    def estimates(self) -> str:
        """Say what its outputs are meant to be: "softmax", those of exact attention, or "other"."""


@dataclass(frozen=True, slots=True)
class DecodeBudget(RoundBudget):
    """Sizes of a tier. positions: rising, at which steps are timed;  turns: at each, after one that warms up;  steps:
    in a row per turn;  noise: limit of the A/A test, in %."""

    batch: int
    heads: int
    dim: int
    positions: tuple[int, ...]
    turns: int
    steps: int
    noise: float

    @property
    def longest(self) -> int:
        """Tokens that may come: the last position, and the steps timed there."""
        return self.positions[-1] + (1 + self.turns) * self.steps


class _DecodeRules(Rounds):
    def anchor(self) -> type:
        from benchmark.tasks.long_sequence.attention.softmax import CachedDecoder

        return CachedDecoder

    def prepare(self, sizes: DecodeBudget, source: Source, draw: Draw) -> Tokens:
        return Tokens.of(source, draw, batch=sizes.batch, heads=sizes.heads, length=sizes.longest, dim=sizes.dim)

    def tell(self, sizes: DecodeBudget, data: Tokens) -> dict[str, Any]:
        return {"batch": sizes.batch, "heads": sizes.heads, "dim": sizes.dim, "longest": sizes.longest}

    def judge_round(self, rotation: Rotation, sizes: DecodeBudget, data: Tokens, clock: Clock) -> dict[str, Outcome]:
        tokens = data.stretch(sizes.longest, "decode")
        timings: dict[int, Timings] = {}
        states: dict[str, list[int]] = defaultdict(list)
        errors: dict[str, list[float]] = defaultdict(list)
        now = 0
        for position in sizes.positions:
            prompt = [x[:, :, now:position] for x in tokens]
            for name in rotation.turn():
                with rotation.trying(name):
                    rotation[name].call("read", *prompt, reply=Floats(*prompt[0].shape))
                    state = rotation[name].call("state_bytes", reply=Count("bytes"), phase="check")
                    states[name].append(state)
            timings[position] = _steps(rotation, sizes, tokens, position, errors)
            now = position + (1 + sizes.turns) * sizes.steps
        outcomes = {}
        for name in rotation.methods:
            with rotation.trying(name):
                estimates = rotation[name].call("estimates", reply=Word(("softmax", "other")), phase="check")
                seconds = rotation[name].seconds("read")
                outcome = _outcome(name, sizes, timings, states[name], reading=seconds)
                if estimates == "softmax":
                    off = errors[name]
                    outcome.metrics[ERROR.name] = ERROR.value(sum(off) / len(off), raw=off, per="position")
                outcomes[name] = outcome
        return outcomes


def _outcome(
    name: str, sizes: DecodeBudget, timings: dict[int, Timings], states: list[int], *, reading: float
) -> Outcome:
    curve: dict[str, list[float]] = {column: [] for column in _COLUMNS}
    for (position, one), state in zip(timings.items(), states, strict=True):
        row = (position, sizes.batch / one.median(name), sizes.batch / one.anchor, one.speed_up(name), state)
        for column, value in zip(_COLUMNS, row, strict=True):
            curve[column].append(float(value))
    gains, speeds = curve["speed_up"], curve["tokens_per_second"]
    noise = timing.noise(timings.values())
    metrics = {
        SPEED_UP.name: SPEED_UP.value(statistics.geometric_mean(gains), raw=gains, per="position"),
        SLOW_DOWN.name: SLOW_DOWN.value(speeds[0] / speeds[-1]),
        STATE.name: STATE.value(states[-1] / 2**20),
        NOISE.name: NOISE.value(noise),
    }
    rates = {
        "prompt tokens/s": sizes.batch * sizes.positions[-1] / reading,
        f"tokens/s at {sizes.positions[-1]}": speeds[-1],
    }
    return Outcome(metrics, {"decode": curve}, rates, doubt=timing.doubt(noise, limit=sizes.noise))


def _steps(
    rotation: Rotation,
    sizes: DecodeBudget,
    tokens: tuple[Tensor, ...],
    position: int,
    errors: dict[str, list[float]],
) -> Timings:
    """Time steps from a position on, turn by turn, after a turn that warms up; errors, in %, are added by method."""
    import torch

    timings = Timings()
    shape = (sizes.batch, sizes.heads, 1, sizes.dim)
    for turn in range(1 + sizes.turns):
        ends = range(position + turn * sizes.steps + 1, position + (turn + 1) * sizes.steps + 1)
        calls = [tuple(x[:, :, end - 1 : end] for x in tokens) for end in ends]
        wanted = _exact_steps(tokens, ends) if turn in (0, sizes.turns) else None
        phase = "step" if turn else "step, first"
        for name in rotation.turn():
            with rotation.trying(name):
                contestant = rotation[name]
                before = contestant.seconds(phase)
                if turn:
                    timing.settle()
                answers = contestant.burst("step", calls, phase=phase, reply=Floats(*shape))
                if turn:
                    timings.seconds[name].append((contestant.seconds(phase) - before) / sizes.steps)
                if wanted is None:
                    continue
                off = timing.error(torch.cat(answers, 2), wanted)
                if not turn:
                    errors[name].append(off)
                elif off > 2 * errors[name][-1] + 100:  # an honest method may lose tokens; nonsense is off by 100 %
                    raise wrong(
                        "step",
                        f"is {off:.0f} % off where it is timed, after position {position}; "
                        f"{errors[name][-1]:.0f} % before",
                    )
    return timings


def _exact_steps(tokens: tuple[Tensor, ...], ends: range) -> Tensor:
    """What exact attention answers in steps at which so many tokens have come: (batch, heads, steps, dim)."""
    import torch

    from benchmark.tasks.long_sequence.attention.softmax import exact

    q, k, v = tokens
    return torch.cat([exact(q[:, :, end - 1 : end], k[:, :, :end], v[:, :, :end]) for end in ends], 2)


def _budget(*, seconds: float, **sizes: Any) -> DecodeBudget:
    defaults: dict[str, Any] = {
        "rounds": 5, "batch": 1, "heads": 8, "dim": 64, "positions": (256, 4096), "turns": 3, "steps": 64,
        "noise": 25.0,
    }  # fmt: skip
    return DecodeBudget("gaussian-tokens", seconds, **(defaults | sizes))


track: Track[Decoder] = Track(
    NAME,
    question="Token by token after a prompt: how fast is a step, and how much must be kept, as the text grows?",
    version=2,
    protocol=Decoder,
    setup=DecodeSetup,
    metrics=(SPEED_UP, SLOW_DOWN, STATE, ERROR, NOISE),
    rules=_DecodeRules(),
    tiers={
        Tier.SMOKE: _budget(
            seconds=0.3, rounds=1, batch=1, heads=2, dim=16, positions=(16, 64), turns=1, steps=4, noise=1e9
        ),
        Tier.QUICK: _budget(seconds=1),
        Tier.STANDARD: _budget(seconds=60, batch=8, positions=(256, 1024, 4096, 16384), turns=5, steps=64, noise=15.0),
    },
)
