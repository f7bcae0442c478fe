"""Attention at length 8,192, 8 heads of 64 dimensions: cheaper forms beside exact attention by torch's fused kernel.

Beside the times stands what the cost model of each (multiplications as two operations, bytes that must be moved at
least) makes of this machine's own rates, measured in the same run: the share of that roofline which a kernel reaches,
and whether arithmetic or bytes limit it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.long_sequence import encode
from benchmark.tasks.long_sequence.attention.features import (
    EluPlusOne,
    Exponential,
    FeatureMap,
    Rectified,
    Trigonometric,
    orthogonal,
)
from benchmark.tasks.long_sequence.attention.linear import attend, read_on
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.attention.tiles import CHUNK, State
from benchmark.tasks.long_sequence.setups import EncodeSetup
from benchmark.throughput import plugged

LENGTH, HEADS, DIM = 8192, 8, 64
BRIEF = 256
"""The length where nothing is measured."""
LANDMARKS = 64
SEEN = {"local-window": 3 * 128, "nystroem": 2 * LANDMARKS, "linformer": 2 * 256}
"""Method: keys that a query costs as much as; Linformer's are projected at the price of as many again, and Nystroem has
a pseudo-inverse besides."""


pytestmark = pytest.mark.usefixtures("all_cores")


def maps() -> dict[str, FeatureMap]:
    """The feature maps at the sizes of the methods."""
    rng = generator(0, "throughput", "attention")
    wide, narrow = orthogonal(256, DIM, generator=rng), orthogonal(64, DIM, heads=HEADS, generator=rng)
    return {
        "elu + 1": EluPlusOne(),
        "Performer": Exponential(wide),
        "Performer, ReLU": Rectified(wide, offset=1e-3),
        "RFA": Trigonometric(narrow, unit=True),
    }


def inputs(length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values (1, heads, length, dim)."""
    q, k, v = torch.randn(3, 1, HEADS, length, DIM, generator=generator(0, "throughput", "tokens"))
    return 0.35 * q, 0.35 * k, v


@lru_cache
def rates() -> tuple[float, float]:
    """This machine's matrix-product rate in operations/s and copy bandwidth in bytes/s (read and written): the best."""

    def best(call: Callable[[], object]) -> float:
        seconds = []
        for _ in range(20):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    square, out = torch.ones(1024, 1024), torch.empty(1024, 1024)
    source, target = torch.zeros(2**24), torch.empty(2**24)
    product, copy = best(lambda: torch.mm(square, square, out=out)), best(lambda: target.copy_(source))
    return 2 * 1024**3 / product, 2 * source.nbytes / copy


def operations(name: str, length: int, *, causal: bool) -> float:
    """Of a forward pass: products of queries with keys and of weights with values, of features with both and with the
    normaliser, and projections; in a causal chunk scores and their products with values besides."""
    if name == "exact":
        return 4 * HEADS * length**2 * DIM / (2 if causal else 1)
    if name in SEEN:
        return HEADS * (4 * length * SEEN[name] * DIM + (36 * LANDMARKS**3 if name == "nystroem" else 0))
    width, rows = {"elu + 1": (DIM, 0), "RFA": (2 * DIM, DIM)}.get(name, (256, 256))
    chunks = 2 * CHUNK * (width + DIM) if causal else 0
    return HEADS * length * (4 * width * DIM + 4 * width + 4 * rows * DIM + chunks)


def bound(name: str, length: int, *, causal: bool) -> tuple[float, str]:
    """Seconds that a forward pass takes at least, and what limits it; all inputs and outputs are moved once."""
    arithmetic = operations(name, length, causal=causal) / rates()[0]
    traffic = 4 * HEADS * length * DIM * 4 / rates()[1]
    return max(arithmetic, traffic), "arithmetic" if arithmetic > traffic else "bytes"


def _note(benchmark: BenchmarkFixture, name: str, length: int, *, causal: bool) -> None:
    if benchmark.stats:  # not where timing is off
        seconds, limit = bound(name, length, causal=causal)
        best = benchmark.stats.stats.min
        benchmark.extra_info |= {"share_of_bound": round(seconds / best, 3), "limited_by": limit}


@pytest.mark.benchmark(group="attention, 8192 tokens: forward", min_rounds=3, warmup=True, warmup_iterations=1)
@pytest.mark.parametrize("causal", [False, True], ids=["bidirectional", "causal"])
@pytest.mark.parametrize("kernel", ["exact", *maps()])
def test_forward(benchmark: BenchmarkFixture, kernel: str, causal: bool) -> None:
    """Outputs of all tokens."""
    length = BRIEF if benchmark.disabled else LENGTH
    q, k, v = inputs(length)
    with torch.no_grad():
        if kernel == "exact":
            out = benchmark(exact, q, k, v, causal=causal)
        else:
            out = benchmark(attend, q, k, v, maps()[kernel], causal=causal)
        expected = exact(q, k, v, causal=causal)
    _note(benchmark, kernel, length, causal=causal)
    late = slice(length // 2, None)  # early tokens see few others, and features err there
    assert float((out - expected)[:, :, late].norm() / expected[:, :, late].norm()) < 1


@pytest.mark.benchmark(group="attention, 8192 tokens: others, forward", min_rounds=3, warmup=True, warmup_iterations=1)
@pytest.mark.parametrize("method", SEEN)
def test_others(benchmark: BenchmarkFixture, method: str) -> None:
    """Attentions that have no causal form, as their methods have it."""
    length = BRIEF if benchmark.disabled else LENGTH
    attention = plugged.method(encode.track.name, method)(EncodeSetup(0, encode.track.name, "cpu", 1, HEADS, DIM))
    q, k, v = inputs(length)
    out = benchmark(attention.forward, q, k, v)
    _note(benchmark, method, length, causal=False)
    assert out.shape == v.shape
    assert bool(out.isfinite().all())


@pytest.mark.benchmark(
    group="attention, 8192 tokens: forward and backward", min_rounds=3, warmup=True, warmup_iterations=1
)
@pytest.mark.parametrize("causal", [False, True], ids=["bidirectional", "causal"])
@pytest.mark.parametrize("kernel", ["exact", *maps()])
def test_gradients(benchmark: BenchmarkFixture, kernel: str, causal: bool) -> None:
    """Gradients of all inputs, from nothing."""
    leaves = [x.clone().requires_grad_() for x in inputs(BRIEF if benchmark.disabled else LENGTH)]
    push = torch.ones_like(leaves[2])

    def run() -> tuple[Tensor, ...]:
        q, k, v = leaves
        out = exact(q, k, v, causal=causal) if kernel == "exact" else attend(q, k, v, maps()[kernel], causal=causal)
        return torch.autograd.grad(out, leaves, push)

    found = benchmark(run)
    # Weights of a query add up to 1, whatever they are: a push by ones comes back to the values in full.
    assert float(found[2].sum()) == pytest.approx(float(push.sum()), rel=1e-3)


@pytest.mark.benchmark(group="attention, a step at position 4096, 4 sequences", warmup=True)
@pytest.mark.parametrize("kernel", ["exact", *maps()])
def test_step(benchmark: BenchmarkFixture, kernel: str) -> None:
    """One token after 4096: over cached keys and values, or a state."""
    q, k, v = (x.repeat(4, 1, 1, 1) for x in inputs(BRIEF if benchmark.disabled else 4096))
    last = [x[:, :, -1:] for x in (q, k, v)]
    with torch.no_grad():
        if kernel == "exact":
            out = benchmark(exact, last[0], k, v)
        else:
            chosen = maps()[kernel]
            state = State.empty(4 * HEADS, chosen.width(DIM), DIM, q.device)
            read_on(state, q, k, v, chosen)
            out = benchmark(read_on, state, *last, chosen)
    assert out.shape == (4, HEADS, 1, DIM)
    assert bool(out.isfinite().all())
