"""Shapes against a loop over pixels, and frames that are the same however they are computed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control import environment, raster
from benchmark.data.control.raster import EDGE, Box, Camera, Capsule, Disc, Shape
from benchmark.data.control.shifts import KINDS, Shift

COUNT, SIZE = 5, 20


def uniform(*shape: int, low: float = -0.8, high: float = 0.8, seed: int = 0) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def disc() -> Disc:
    return Disc("x", uniform(COUNT, 2), uniform(COUNT, low=0.1, high=0.5, seed=1))


def capsule() -> Capsule:
    return Capsule("x", uniform(COUNT, 2), uniform(COUNT, 2, seed=2), uniform(COUNT, low=0.05, high=0.3, seed=1))


def box() -> Box:
    angle = uniform(COUNT, low=0, high=6, seed=3)
    return Box(
        "x", uniform(COUNT, 2), uniform(COUNT, 2, low=0.1, high=0.6, seed=1), torch.stack([angle.cos(), angle.sin()], 1)
    )


def to_disc(shape: Disc, row: int, point: np.ndarray) -> float:
    return float(np.linalg.norm(point - shape.centre[row].numpy()) - shape.radius[row])


def to_capsule(shape: Capsule, row: int, point: np.ndarray) -> float:
    """Over many points of the segment."""
    start, end = shape.start[row].numpy(), shape.end[row].numpy()
    places = start + np.linspace(0, 1, 2001)[:, None] * (end - start)
    return float(np.linalg.norm(point - places, axis=1).min() - shape.radius[row])


def to_box(shape: Box, row: int, point: np.ndarray) -> float:
    """How far beyond the nearest side, in the box's own axes."""
    angle = math.atan2(shape.along[row, 1], shape.along[row, 0])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    local = np.abs(turn @ (point - shape.centre[row].numpy()))
    return float((local - shape.half[row].numpy()).max())


@pytest.mark.parametrize(("shape", "distance"), [(disc(), to_disc), (capsule(), to_capsule), (box(), to_box)])
def test_coverage_against_a_loop_over_pixels(shape: Shape, distance) -> None:
    found = shape.coverage(raster.axis(SIZE), 0.5 * SIZE / EDGE)
    width = EDGE * 2 / SIZE
    for row in range(COUNT):
        for i in range(SIZE):
            for j in range(SIZE):
                point = np.array([(2 * j + 1 - SIZE) / SIZE, -(2 * i + 1 - SIZE) / SIZE])
                expected = min(1.0, max(0.0, 0.5 - distance(shape, row, point) / width))
                assert float(found[row, i, j]) == pytest.approx(expected, abs=2e-3)


def test_a_colour_covers_what_is_under_it() -> None:
    canvas = torch.full((1, 3, 16, 16), 10.0)
    raster.paint(canvas, Disc("x", torch.zeros(1, 2), torch.tensor([0.5])), torch.tensor([[200.0, 0.0, 50.0]]))
    assert canvas[0, :, 8, 8].tolist() == [200.0, 0.0, 50.0]
    assert canvas[0, :, 0, 0].tolist() == [10.0] * 3


@pytest.mark.parametrize("shape", [disc(), capsule(), box()])
def test_a_camera_moves_what_is_seen(shape: Shape) -> None:
    """Turned by a quarter, a square image is the same image turned."""
    one, none = torch.ones(COUNT), torch.zeros(COUNT)
    quarter = Camera(torch.zeros(COUNT, 2), torch.stack([none, one], 1), one)
    axis, scale = raster.axis(SIZE), 0.5 * SIZE / EDGE
    turned = shape.seen(quarter).coverage(axis, scale)
    assert torch.allclose(turned, shape.coverage(axis, scale).rot90(1, (1, 2)), atol=1e-5)


def test_a_camera_places_points() -> None:
    camera = Camera(torch.tensor([[0.1, -0.2]]), torch.tensor([[0.0, 1.0]]), torch.tensor([2.0]))
    assert camera.place(torch.tensor([[0.3, 0.0]])).tolist()[0] == pytest.approx([0.1, 0.4])
    assert camera.direct(torch.tensor([[1.0, 0.0]])).tolist()[0] == pytest.approx([0.0, 1.0])


def world(name: str) -> ControlDataset:
    dataset = catalogue.find(name).dataset
    assert isinstance(dataset, ControlDataset)
    return dataset


@pytest.mark.parametrize("name", ["reacher", "cartpole"])
@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_frames_depend_on_neither_blocks_nor_threads(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def frames() -> Tensor:
        env = world(name).environment(count=50, size=32, horizon=3, shift=Shift(kind))
        env.reset(seed=100)
        return env.step(env.expert())[0]

    before = frames()
    monkeypatch.setattr(environment, "BLOCK", 3 * 32 * 32)
    assert torch.equal(frames(), before)
    monkeypatch.setattr(environment, "BLOCK", 2**20)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert torch.equal(frames(), before)
    finally:
        torch.set_num_threads(threads)
