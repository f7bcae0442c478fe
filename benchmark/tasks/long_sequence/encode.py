"""The track `long_sequence.encode`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Word
from benchmark.tasks.long_sequence import checks, timing
from benchmark.tasks.long_sequence.measuring import Measured
from benchmark.tasks.long_sequence.setups import EncodeSetup
from benchmark.tasks.long_sequence.timing import Tokens
from benchmark.tasks.rounds import Rotation, RoundBudget, Rounds
from benchmark.tasks.rules import Outcome
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw

NAME = "long_sequence.encode"
SPEED_UP = Metric(
    "speed_up", "x", True, "forward, over exact attention; geometric mean over the ranked lengths", measured=True
)
GRADIENT = Metric("gradient_speed_up", "x", True, "the same, forward and backward", measured=True)
ERROR = Metric(
    "error", "%", False, "of outputs, relative to exact attention's, if the method estimates it; mean over lengths"
)
MEMORY = Metric(
    "memory", "MiB", False, "of a forward call at the longest ranked length, inputs included", measured=True
)
NOISE = Metric("noise", "%", False, "difference between two processes of exact attention in the round", measured=True)


class Encoder(Protocol):
    """What a method of `encode` implements. Built once per round as `Method(setup)`."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend: every token to all. All tensors (batch, heads, length, dim) float32, also the one returned."""

    def gradients(self, q: Tensor, k: Tensor, v: Tensor, push: Tensor) -> list[Tensor]:
        """Gradients of (forward(q, k, v) * push).sum() with respect to q, k and v; includes going forward."""

    def estimates(self) -> str:
        """Say what its outputs are meant to be: "softmax", those of exact attention, or "other"."""


@dataclass(frozen=True, slots=True)
class EncodeBudget(RoundBudget):
    """Sizes of a tier. lengths: ranked;  beyond: tried if a call should take at most `longest` seconds;  gradients:
    lengths at which those are timed;  turns, patience: see `Measured`;  noise: limit of the A/A test,
    in %."""

    batch: int
    heads: int
    dim: int
    lengths: tuple[int, ...]
    beyond: tuple[int, ...]
    gradients: tuple[int, ...]
    turns: int
    patience: float
    longest: float
    noise: float


class _EncodeRules(Rounds):
    def anchor(self) -> type:
        from benchmark.tasks.long_sequence.attention.softmax import ExactEncoder

        return ExactEncoder

    def prepare(self, sizes: EncodeBudget, source: Source, draw: Draw) -> Tokens:
        longest = max(*sizes.lengths, *sizes.beyond)
        return Tokens.of(source, draw, batch=sizes.batch, heads=sizes.heads, length=longest, dim=sizes.dim)

    def tell(self, sizes: EncodeBudget, data: Tokens) -> dict[str, Any]:
        return {"batch": sizes.batch, "heads": sizes.heads, "dim": sizes.dim}

    def judge_round(self, rotation: Rotation, sizes: EncodeBudget, data: Tokens, clock: Clock) -> dict[str, Outcome]:
        forward = Measured("forward", rotation, data, turns=sizes.turns, patience=sizes.patience)
        gradients = Measured("gradients", rotation, data, turns=sizes.turns, patience=sizes.patience)
        for length in sizes.lengths:
            forward.measure(length)
        for length in sizes.gradients:
            gradients.measure(length)
        for name in rotation.methods:
            with rotation.trying(name):
                checks.check_function(rotation[name], data, sizes.lengths[0])
                checks.check_gradients(rotation[name], data, sizes.gradients[0])
        left_out = forward.beyond(sizes.beyond, longest=sizes.longest)
        outcomes = {}
        for name in rotation.methods:
            with rotation.trying(name):
                estimates = rotation[name].call("estimates", reply=Word(("softmax", "other")), phase="check")
                outcomes[name] = _outcome(name, sizes, forward, gradients, estimates=estimates, left_out=left_out[name])
        return outcomes


def _outcome(
    name: str,
    sizes: EncodeBudget,
    forward: Measured,
    gradients: Measured,
    *,
    estimates: str,
    left_out: Mapping[str, list[float]],
) -> Outcome:
    noise = timing.noise([*forward.timings.values(), *gradients.timings.values()])
    gains = [forward.timings[length].speed_up(name) for length in sizes.lengths]
    slopes = [gradients.timings[length].speed_up(name) for length in sizes.gradients]
    metrics = {
        SPEED_UP.name: SPEED_UP.value(statistics.geometric_mean(gains), raw=gains, per="length"),
        GRADIENT.name: GRADIENT.value(statistics.geometric_mean(slopes), raw=slopes, per="length"),
        NOISE.name: NOISE.value(noise),
    }
    curves = {
        "forward": forward.curve(name, sizes.batch),
        "gradients": gradients.curve(name, sizes.batch),
        "memory": _by_length(forward.bytes[name], "bytes"),
        **{word: {"length": lengths} for word, lengths in left_out.items()},
    }
    if estimates == "softmax":
        errors = [forward.errors[name][length] for length in sizes.lengths]
        metrics[ERROR.name] = ERROR.value(sum(errors) / len(errors), raw=errors, per="length")
        curves["error"] = _by_length(forward.errors[name], "error")
    longest = sizes.lengths[-1]
    if longest in forward.bytes[name]:
        metrics[MEMORY.name] = MEMORY.value(forward.bytes[name][longest] / 2**20)
    rate = sizes.batch * longest / forward.timings[longest].median(name)
    return Outcome(metrics, curves, {f"tokens/s at {longest}": rate}, doubt=timing.doubt(noise, limit=sizes.noise))


def _by_length(values: dict[int, Any], name: str) -> dict[str, list[float]]:
    lengths = sorted(values)
    return {"length": [float(length) for length in lengths], name: [float(values[length]) for length in lengths]}


def _budget(*, seconds: float, **sizes: Any) -> EncodeBudget:
    defaults: dict[str, Any] = {
        "rounds": 5, "batch": 1, "heads": 4, "dim": 64, "lengths": (512, 2048, 8192), "beyond": (),
        "gradients": (512, 2048), "turns": 5, "patience": 0.5, "longest": 1.0, "noise": 25.0,
    }  # fmt: skip
    return EncodeBudget("gaussian-tokens", seconds, **(defaults | sizes))


track: Track[Encoder] = Track(
    NAME,
    question="Every token attends to all: how much faster than exact attention, from which length on, how far off?",
    version=2,
    protocol=Encoder,
    setup=EncodeSetup,
    metrics=(SPEED_UP, GRADIENT, ERROR, MEMORY, NOISE),
    rules=_EncodeRules(),
    tiers={
        Tier.SMOKE: _budget(
            seconds=0.5, rounds=1, heads=2, dim=16, lengths=(64, 128), beyond=(256,), gradients=(64,), turns=1,
            noise=1e9,
        ),
        Tier.QUICK: _budget(seconds=1),
        Tier.STANDARD: _budget(
            seconds=120, batch=4, heads=8, lengths=(256, 512, 1024, 2048, 4096, 8192), beyond=(16384, 32768, 65536),
            gradients=(256, 512, 1024, 2048, 4096, 8192), turns=9, patience=20.0, longest=20.0, noise=15.0,
        ),
    },
)  # fmt: skip
