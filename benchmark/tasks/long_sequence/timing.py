"""What the timing tracks share: fresh inputs for every call, and exact attention timed by the judge in alternation."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmark.data.catalogue import VectorDataset, catalogue
from benchmark.errors import DataError
from benchmark.seeding import derive

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.seeding import Draw

ROUNDS = (3, 15)
"""Timings at one length or position: at least and at most."""
BURST_SECONDS = 0.01
"""Calls shorter than that are timed several at once, with inputs of their own."""
BURST_CALLS = 16
LONG = 0.1
"""Seconds of a first call, from which on it counts as a measure of those that follow."""
_SETTLE_SECONDS = 0.02
_SPARE = 0.25
"""Share by which tokens are more than the longest stretch that is asked for."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Queries, keys and values (batch, heads, tokens, dim), of which every call gets another stretch.

    path: of the seed of its places;  device: where the judge may time exact attention.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    path: tuple[int | str, ...]
    device: str

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
        return cls(*drawn, path, draw.device)

    def stretch(self, length: int, *use: int | str) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of so many tokens in a row, from a place that the words of their use decide."""
        start = derive(*self.path, length, *use) % (self.q.shape[2] - length + 1)
        q, k, v = (x[:, :, start : start + length].contiguous() for x in (self.q, self.k, self.v))
        return q, k, v


@dataclass
class Series:
    """Seconds per call, of the method and of exact attention in alternation."""

    method: list[float] = field(default_factory=list)
    exact: list[float] = field(default_factory=list)

    @property
    def speed_up(self) -> float:
        """How many times as fast as exact attention the method is, by medians."""
        return statistics.median(self.exact) / statistics.median(self.method)

    @property
    def disagreement(self) -> float | None:
        """Absolute logarithm of the ratio of exact attention's odd timings to its even ones; None for fewer than 4."""
        if len(self.exact) < 4:
            return None
        return abs(math.log(statistics.median(self.exact[::2]) / statistics.median(self.exact[1::2])))


def rounds(patience: float) -> Iterator[int]:
    """Count timings from 0 until `patience` seconds have passed, within `ROUNDS`.

    One that took longer than all of them may is not repeated.
    """
    least, most = ROUNDS
    start = time.perf_counter()
    for done in itertools.count():
        spent = time.perf_counter() - start
        if done == most or (done >= least and spent > patience) or (done and spent > least * patience):
            return
        yield done


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def noise(series: Sequence[Series]) -> float:
    """How far apart two series of timings of the same exact attention are, in %: the A/A self-test of this machine."""
    found = [value for one in series if (value := one.disagreement) is not None]
    return 100 * math.expm1(statistics.fmean(found)) if found else 0.0


def doubt(noise: float, *, limit: float) -> str:
    """Why timings with that noise do not rank, both in %; empty if they do."""
    if noise <= limit:
        return ""
    return (
        f"timed on a busy machine: the same attention, timed twice in alternation, differed by {noise:.0f} %, more "
        f"than {limit:g} %; run the command again when nothing else runs"
    )


def settle() -> None:
    """Let torch's threads in the other process go to sleep: for some milliseconds after a call they wait for the next
    one busily, in the way of whoever is timed now. Without, exact attention on 256 tokens took now once, now twice its
    time.
    """
    time.sleep(_SETTLE_SECONDS)


def seconds(call: Callable[[], object], device: str) -> float:
    """Wall seconds of a call of the judge's own, device included, once the contestant's threads are asleep."""
    import torch

    on_gpu = device.startswith("cuda")
    settle()
    if on_gpu:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if on_gpu:
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def exact_seconds(calls: Sequence[tuple[Tensor, ...]], device: str) -> float:
    """Wall seconds of exact attention per call: forward on (q, k, v), forward and backward on (q, k, v, push)."""
    import torch

    from benchmark.tasks.long_sequence.attention.softmax import exact

    placed = [[x.to(device) for x in call] for call in calls]

    def run() -> None:
        for q, k, v, *push in placed:
            if push:
                leaves = [x.detach().requires_grad_() for x in (q, k, v)]
                torch.autograd.grad(exact(*leaves), leaves, push)
            else:
                exact(q, k, v)

    return seconds(run, device) / len(calls)


def burst(call_seconds: float) -> int:
    """How many calls of that length to time at once."""
    return max(1, min(BURST_CALLS, math.ceil(BURST_SECONDS / max(call_seconds, 1e-9))))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let the judge use as many torch threads as the method has."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def error(found: Tensor, exact: Tensor) -> float:
    """Root of the squared difference, as a share of exact attention's, in %."""
    found, exact = found.double(), exact.double()
    return 100 * float(((found - exact).square().sum() / exact.square().sum()).sqrt())
