"""Environments drawn as pixels, and the adaptation of a policy while it acts.

Frames: 256 copies of the reacher stepped and drawn, with and without shift, on as many threads as there are cores and
on one. Adaptation: one step of every episode's own network, all in the same tensor operations or one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.data.catalogue import ControlDataset
from benchmark.data.control.shifts import Shift
from benchmark.machine.backends import cpu
from benchmark.tasks.test_time_shift.pixel_policy import Architecture, PixelPolicy, copied
from benchmark.throughput import plugged

COPIES, STEPS = 256, 10
EPISODES, CROPS = 40, 32
PLAN = Architecture(channels=9, size=32, crop=28, actions=2, filters=12, shared=3, own=1, embedding=24, hidden=48)


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """Leave the number of threads as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.benchmark(group="control: frames of 256 copies, stepped and drawn")
@pytest.mark.parametrize("name", ["reacher", "cartpole"])
@pytest.mark.parametrize("size", [32, 48, 84])
@pytest.mark.parametrize("kind", ["none", "lighting"])
@pytest.mark.parametrize("form", ["all cores", "one thread"])
def test_frames(benchmark: BenchmarkFixture, name: str, size: int, kind: str, form: str) -> None:
    """`lighting` is the dearest shift: one more pass over every frame."""
    torch.set_num_threads(1 if benchmark.disabled or form == "one thread" else cpu.available_cores())
    world = plugged.dataset(name)
    assert isinstance(world, ControlDataset)
    env = world.environment(count=COPIES, size=size, horizon=STEPS, shift=Shift(kind))
    actions = torch.zeros(COPIES, env.actions)

    def begin() -> tuple[tuple[()], dict[str, int]]:
        env.reset(seed=100)
        return (), {}

    def play() -> Tensor:
        for _ in range(STEPS):
            frames = env.step(actions)[0]
        return frames

    frames = benchmark.pedantic(play, setup=begin, rounds=2 if benchmark.disabled else 20)  # type: ignore[no-untyped-call]
    if benchmark.stats:  # not where timing is off
        benchmark.extra_info["frames_per_second"] = round(COPIES * STEPS / benchmark.stats.stats.median)
    assert frames.shape == (COPIES, 9, size, size)
    assert float(frames[:, 6:].float().std()) > 10


def _weights() -> dict[str, Tensor]:
    model = PixelPolicy(PLAN, "inverse", copies=1, generator=torch.Generator().manual_seed(0))
    return model.state_dict()


def _adapted(before: Tensor, after: Tensor, places: Tensor) -> Tensor:
    """One step of Adam on the shared convolutions and the self-supervised branch, for as many networks as there are
    episodes; then their actions."""
    model = PixelPolicy(PLAN, "inverse", copies=len(before), generator=None)
    model.load_state_dict(copied(_weights(), len(before)))
    stepper = torch.optim.Adam([*model.shared.parameters(), *model.self_supervised.parameters()], lr=1e-3, fused=True)
    actions = torch.zeros(len(before), 1, PLAN.actions)
    model.inverse_losses(model.maps(before), model.maps(after), actions, places).sum().backward()
    stepper.step()
    with torch.no_grad():
        return model.act(after)


@pytest.mark.benchmark(group="control: one step of adaptation of 40 episodes, 32 crops each")
@pytest.mark.parametrize("form", ["grouped, on one thread", "grouped", "one episode after the other"])
def test_adaptation(benchmark: BenchmarkFixture, form: str) -> None:
    """The grouped form on one thread is what a contestant does."""
    torch.set_num_threads(1 if benchmark.disabled or form.endswith("one thread") else cpu.available_cores())
    rng = torch.Generator().manual_seed(0)
    before, after = torch.randint(256, (2, EPISODES, 1, 9, 32, 32), generator=rng, dtype=torch.uint8)
    places = torch.randint(PLAN.places, (2, EPISODES, 1, CROPS), generator=rng)

    def grouped() -> Tensor:
        return _adapted(before, after, places)

    def looped() -> Tensor:
        parts = [slice(row, row + 1) for row in range(EPISODES)]
        return torch.cat([_adapted(before[part], after[part], places[:, part]) for part in parts])

    found = benchmark(grouped if form.startswith("grouped") else looped)
    if benchmark.stats:
        benchmark.extra_info["milliseconds_per_episode"] = round(1000 * benchmark.stats.stats.median / EPISODES, 3)
    assert torch.allclose(found, looped(), atol=1e-3)
