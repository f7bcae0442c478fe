"""Sample efficiency: nearest neighbours of a cloud, the estimate made of them, and many small trainings side by side.

The roofline is what the distances cost at least: each pair's once, D multiplications and additions, at the rate of a
plain matrix product of 4096 rows, measured in the same run. The cloud as large as MNIST, half a minute on two idle
cores, is left out of the suite unless asked for: `heptathlon throughput --only large_cloud`.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.machine.meters import forget_peak, usage
from benchmark.seeding import generator
from benchmark.tasks.sample_efficiency import architecture, intrinsic_dimension
from benchmark.tasks.sample_efficiency.distributions import halves
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup
from benchmark.tasks.sample_efficiency.neighbours import nearest
from benchmark.tasks.sample_efficiency.rules import LearnerSetup
from benchmark.throughput import plugged

PIXELS, NEIGHBOURS = 784, 20
SETUP = EstimatorSetup(0, intrinsic_dimension.track.name, "cpu", neighbours=(3, 5, 10, NEIGHBOURS))


@pytest.fixture(scope="module", autouse=True)
def ready(all_cores: None) -> None:
    """A cloud of the user's is looked at with all cores."""


def _images(count: int) -> Tensor:
    """Like images of bytes: a smooth function of twelve numbers, brought to whole steps of 1 / 255 in [0, 1]."""
    rng = generator(0, "throughput", "cloud", count)
    weights = torch.randn(64, PIXELS, generator=rng) / 8
    hidden = (torch.randn(count, 12, generator=rng) @ torch.randn(12, 64, generator=rng)).relu_()
    return (hidden @ weights).sigmoid_().mul_(255).round_().div_(255)


def _product_seconds(count: int) -> float:
    """Seconds of a product with itself of a matrix (count, PIXELS), at the rate of the best of three blocks."""
    rows = torch.randn(4096, PIXELS, generator=generator(0, "throughput", "product"))
    out, seconds = torch.empty(4096, 4096), []
    for _ in range(4):
        start = time.perf_counter()
        torch.mm(rows, rows.mT, out=out)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:]) * (count / 4096) ** 2


def _search(benchmark: BenchmarkFixture, count: int, rounds: int) -> None:
    points, seconds = _images(count), _product_seconds(count)
    peaks: list[int] = []

    def search() -> Any:
        forget_peak(os.getpid())
        before = usage(os.getpid()).resident_bytes or 0
        found = nearest(points, NEIGHBOURS)
        peaks.append((usage(os.getpid()).peak_bytes or 0) - before)
        return found

    found = benchmark.pedantic(search, rounds=rounds)  # type: ignore[no-untyped-call]
    if benchmark.stats:  # not where timing is off
        best = benchmark.stats.stats.min
        seconds = min(seconds, _product_seconds(count))
        benchmark.extra_info |= {
            "share_of_bound": round(seconds / 2 / best, 3),
            "limited_by": "arithmetic",
            "share_of_a_product_of_all_with_all": round(seconds / best, 3),
            "distances_per_second": round(count * (count - 1) / best),
            "megabytes_beyond_the_points": round(max(peaks) / 2**20),
        }
    some = torch.randint(count, (20,), generator=generator(0, "throughput", "rows"))
    wanted = torch.cdist(points[some].double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist")
    wanted[torch.arange(20), some] = torch.inf
    torch.testing.assert_close(
        found.distances[some].double(), wanted.topk(NEIGHBOURS, largest=False).values, rtol=1e-6, atol=0
    )


@pytest.mark.benchmark(group="intrinsic dimension: 20 nearest neighbours")
def test_neighbours(benchmark: BenchmarkFixture) -> None:
    """6,000 points of 784 coordinates."""
    _search(benchmark, 500 if benchmark.disabled else 6000, 3)


@pytest.mark.slow
@pytest.mark.benchmark(group="intrinsic dimension: 20 nearest neighbours, as many points as MNIST has")
def test_neighbours_of_a_large_cloud(benchmark: BenchmarkFixture) -> None:
    """60,000 points of 784 coordinates."""
    _search(benchmark, 5000 if benchmark.disabled else 60_000, 1)


@pytest.mark.benchmark(group="intrinsic dimension: estimates of 3,000 points")
@pytest.mark.parametrize("name", ["mle", "two-nn", "geomle", "knn-graph", "correlation-dimension", "pca"])
def test_estimate(benchmark: BenchmarkFixture, name: str) -> None:
    """From points to dimension, the search included."""
    points = _images(300 if benchmark.disabled else 3000)
    method = plugged.method(intrinsic_dimension.track.name, name)(SETUP)
    found = benchmark.pedantic(method.estimate, args=(points,), rounds=3, warmup_rounds=1)  # type: ignore[no-untyped-call]
    assert found.shape == (len(SETUP.neighbours),)
    assert bool((found > 1).all())


@pytest.mark.benchmark(group="sample efficiency: 100 steps of SGD, problems side by side")
@pytest.mark.parametrize("problems", [1, 12])
@pytest.mark.parametrize("name", ["fc", "cnn", "local"])
def test_training(benchmark: BenchmarkFixture, name: str, problems: int) -> None:
    """Networks of 24 inputs in one stack; twelve take far less than twelve times as long as one."""
    setup = LearnerSetup(0, architecture.track.name, "cpu", batch_size=64)
    made = halves(24, 1024 * problems, generator(0, "throughput", "halves"))
    inputs, labels = made.inputs.unflatten(0, (problems, 1024)), made.labels.unflatten(0, (problems, 1024))
    learner = plugged.method(architecture.track.name, name)(setup)
    steps = 5 if benchmark.disabled else 100
    benchmark.pedantic(learner.learn, args=(inputs, labels, [1024], steps), rounds=3, warmup_rounds=1)  # type: ignore[no-untyped-call]
    assert {len(weight) for weight in learner.weights.values()} == {problems}
