"""What the timing tracks share: fresh inputs for every call, contestants in turn between two anchors, and the grade."""

from __future__ import annotations

import math
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmark.data.catalogue import VectorDataset, catalogue
from benchmark.errors import DataError
from benchmark.seeding import derive
from benchmark.tasks.rounds import FIRST, LAST

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.seeding import Draw

BURST_SECONDS = 0.01
"""Calls shorter than that are timed several at once, with inputs of their own."""
BURST_CALLS = 8
LONG = 0.1
"""Seconds of a first call, from which on it counts as a timing: what a first call does besides is little beside it."""
ENOUGH = 0.2
"""Seconds of timings at one place, after which no more are taken there."""
_SETTLE_SECONDS = 0.01
_SPARE = 0.25
"""Share by which tokens are more than the longest stretch that is asked for."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Queries, keys and values (batch, heads, tokens, dim), of which every call gets another stretch.

    path: of the seed of its places.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    path: tuple[int | str, ...]

    @classmethod
    def of(cls, source: Source, draw: Draw, *, batch: int, heads: int, length: int, dim: int) -> Tokens:
        """Tokens for stretches of up to `length`. Raises DataError unless the dataset has vectors."""
        dataset = source.entry.dataset
        if not isinstance(dataset, VectorDataset):
            known = ", ".join(entry.name for entry in catalogue if isinstance(entry.dataset, VectorDataset))
            raise DataError(f"dataset {source.entry.name!r} has no queries, keys and values; this track needs: {known}")
        path = draw.secret_path("tokens")
        drawn = dataset.vectors(
            batch=batch, heads=heads, length=math.ceil(length * (1 + _SPARE)), dim=dim, seed=derive(*path)
        )
        return cls(*drawn, path)

    def stretch(self, length: int, *use: int | str) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of so many tokens in a row, from a place that the words of their use decide."""
        start = derive(*self.path, length, *use) % (self.q.shape[2] - length + 1)
        q, k, v = (x[:, :, start : start + length].contiguous() for x in (self.q, self.k, self.v))
        return q, k, v


@dataclass
class Timings:
    """Seconds per call at one place, by name of the contestant, a value for each turn."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def wants(self, name: str) -> bool:
        """Whether another timing tells more."""
        return sum(self.seconds[name]) < ENOUGH

    @property
    def anchor(self) -> float:
        """Seconds of exact attention: the geometric mean of its two processes, between which the methods stood."""
        return math.sqrt(statistics.median(self.seconds[FIRST]) * statistics.median(self.seconds[LAST]))

    def median(self, name: str) -> float:
        """Seconds of a contestant's call."""
        return statistics.median(self.seconds[name])

    def speed_up(self, name: str) -> float:
        """How many times as fast as exact attention a method is."""
        return self.anchor / self.median(name)

    @property
    def disagreement(self) -> float:
        """Logarithm of the ratio of the two processes of exact attention."""
        return math.log(self.median(FIRST) / self.median(LAST))


def noise(timings: Iterable[Timings]) -> float:
    """How far from 1, in %, the speed-up of one process of exact attention over the other is, geometric mean over
    places as that of any method: the round's A/A test."""
    return 100 * math.expm1(abs(statistics.fmean(one.disagreement for one in timings)))


def doubt(noise: float, *, limit: float) -> str:
    """Why timings with that noise do not count, both in %; empty if they do."""
    if noise <= limit:
        return ""
    return (
        f"timed on a busy machine: the same attention in two processes differed by {noise:.0f} %, more than "
        f"{limit:g} %; run the command again when nothing else runs"
    )


def settle() -> None:
    """Let torch's threads in the other processes go to sleep: for some milliseconds after a call they wait for the
    next one busily, in the way of whoever is timed now. Without, exact attention on 256 tokens took now once, now twice
    its time.
    """
    time.sleep(_SETTLE_SECONDS)


def burst(call_seconds: float) -> int:
    """How many calls of that length to time at once."""
    return max(1, min(BURST_CALLS, math.ceil(BURST_SECONDS / max(call_seconds, 1e-9))))


def error(found: Tensor, exact: Tensor) -> float:
    """Root of the squared difference, as a share of exact attention's, in %."""
    found, exact = found.double(), exact.double()
    return 100 * float(((found - exact).square().sum() / exact.square().sum()).sqrt())
