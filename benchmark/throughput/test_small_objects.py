"""The hot path of small_objects: the detector's training step with each fill beside zero padding's, its answers, the
judge's average precision, and scenes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.seeding import generator
from benchmark.tasks.small_objects import scoring
from benchmark.tasks.small_objects.assignment import padded
from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.borders.filling import FILLS, pad
from benchmark.tasks.small_objects.rules import Detections, PaddingSetup
from benchmark.throughput import plugged

SETUP = PaddingSetup(
    seed=0, track="small_objects.padding", device_name="cpu", network="small", height=64, width=64, classes=4,
    mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2), steps=80, batch_size=16, learning_rate=0.03, most=20,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """Contestants have one thread each."""
    torch.set_num_threads(1)


def _scenes(count: int, size: int) -> BoxedImages:
    dataset: Any = plugged.dataset("clutter")
    found: BoxedImages = dataset.boxed("train", root=Path(), size=(size, size), count=count, seed=0, spread=1.0)
    return found


def _stepping(fill: str, scenes: BoxedImages, network: str) -> Callable[[], float]:
    """A step of training on these scenes, loss and optimiser included; it returns its loss."""
    images, (boxes, labels) = scenes.images.float() / 255, padded(scenes.boxes, scenes.labels, scenes.counts)
    model = replace(SETUP, network=network).model().train()
    repad(model, fill)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)

    def step() -> float:
        optimizer.zero_grad()
        loss = model.loss(images, boxes, labels)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def _first_response(images: Tensor, layer: nn.Conv2d, fill: str) -> Tensor:
    """Of a layer with bare torch; zeros are made up for with a map of ones in the partial convolution."""
    padded = pad(images, (1, 1, 1, 1), fill)
    response = nn.functional.conv2d(padded, layer.weight, None, layer.stride)
    if fill == "partial":
        ones, taps = torch.ones_like(images[:1, :1]), torch.ones(1, 1, 3, 3)
        response = response * 9 / nn.functional.conv2d(ones, taps, None, layer.stride, 1)
    return response


@pytest.mark.benchmark(group="detector: a step of training with each fill, each after one with zeros")
@pytest.mark.parametrize("network", ["small", "residual"])
@pytest.mark.parametrize("fill", FILLS)
def test_fill_against_zero(benchmark: BenchmarkFixture, fill: str, network: str) -> None:
    """Steps of both in turn, on 16 scenes of 64x64, so that whatever else the machine does slows both."""
    layer = nn.Conv2d(3, 8, 3, 2, padding=1, bias=False)
    repad(layer, fill)
    images = torch.rand(4, 3, 64, 64, generator=generator(0, "throughput", "borders"))
    torch.testing.assert_close(layer(images), _first_response(images, layer, fill), rtol=1e-4, atol=1e-5)

    scenes = _scenes(16, 64)
    zeros, step = _stepping("zero", scenes, network), _stepping(fill, scenes, network)
    seconds: list[float] = []

    def step_of_zeros() -> None:
        start = time.perf_counter()
        zeros()
        seconds.append(time.perf_counter() - start)

    rounds = 2 if benchmark.disabled else 150
    benchmark.pedantic(step, setup=step_of_zeros, rounds=rounds)  # type: ignore[no-untyped-call]
    benchmark.extra_info["images"] = len(scenes.images)
    if benchmark.stats:  # not where timing is off
        ratio = benchmark.stats.stats.median / statistics.median(seconds)
        benchmark.extra_info["times_the_step_of_zeros"] = round(ratio, 3)


@pytest.mark.benchmark(group="detector: answers")
@pytest.mark.parametrize("network", ["small", "residual"])
@pytest.mark.parametrize("name", ["zero", "mind-the-pad", "none"])
def test_detector_forward(benchmark: BenchmarkFixture, name: str, network: str) -> None:
    """100 scenes from pixels to boxes, non-maximum suppression included."""
    method = plugged.method("small_objects.padding", name)(replace(SETUP, network=network))
    method.model.eval()
    images = _scenes(100, method.resolution()[0]).images
    found = benchmark(lambda: method.detect(images))
    benchmark.extra_info["images"] = len(images)
    assert len(found[3]) == len(images)


@pytest.mark.benchmark(group="detector: average precision by the judge")
def test_average_precision(benchmark: BenchmarkFixture) -> None:
    """150 scenes with what the best detector finds, in all bands."""
    truth = _scenes(150, 64)
    found = Detections(truth.boxes, truth.labels, torch.ones(len(truth.labels)), truth.counts)
    marks = benchmark(lambda: scoring.precision(found, truth))
    assert marks.all == pytest.approx(100)


@pytest.mark.benchmark(group="clutter: scenes")
@pytest.mark.parametrize("size", [64, 96])
def test_scenes(benchmark: BenchmarkFixture, size: int) -> None:
    """400 scenes."""
    found = benchmark(lambda: _scenes(400, size))
    benchmark.extra_info["images"] = len(found.images)
    assert found.size == (size, size)
