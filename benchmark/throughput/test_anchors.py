"""The anchors: four plain kernels of torch that stay as they are, whatever happens to the rest of the suite.

They run before, between and after the other kernels (`conftest` sees to it). Ratios of other kernels between devices
are told relative to theirs, and their drift within a run says how steady the machine was. Change none: add another.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.results.throughput import MOMENTS
from benchmark.seeding import generator

pytestmark = pytest.mark.usefixtures("all_cores")


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(0, "anchors", *shape))


def _matrix_product() -> Callable[[], Tensor]:
    left, right, out = _random(1024, 1024), _random(1024, 1024), torch.empty(1024, 1024)
    return lambda: torch.mm(left, right, out=out)


def _convolution() -> Callable[[], Tensor]:
    images, filters = _random(32, 64, 28, 28), _random(64, 64, 3, 3)
    return lambda: F.conv2d(images, filters, padding=1)


def _attention() -> Callable[[], Tensor]:
    query, key, value = (_random(3, 8, 1024, 64)[part].unsqueeze(0) for part in range(3))
    return lambda: F.scaled_dot_product_attention(query, key, value)


def _memory_copy() -> Callable[[], Tensor]:
    source, target = torch.zeros(2**25), torch.empty(2**25)
    return lambda: target.copy_(source)


ANCHORS: dict[str, Callable[[], Callable[[], Tensor]]] = {
    "matrix product, 1024 x 1024": _matrix_product,
    "convolution, 32 x 64 x 28 x 28 by 64 x 3 x 3": _convolution,
    "attention, 8 x 1024 x 64": _attention,
    "memory copy, 128 MiB": _memory_copy,
}


@pytest.mark.benchmark(group="anchors", max_time=0.5, warmup=True, warmup_iterations=2)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("anchor", ANCHORS)
def test_anchor(benchmark: BenchmarkFixture, anchor: str, moment: str) -> None:
    """float32 on the CPU."""
    call = ANCHORS[anchor]()
    benchmark.extra_info |= {"anchor": anchor, "moment": moment}
    with torch.inference_mode():
        result = benchmark(call)
    assert bool(result.isfinite().all())
