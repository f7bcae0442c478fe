"""Distribution calibration (arXiv:2101.06395), all episodes at once and one after the other.

5-way 1-shot, 15 queries, 64 dimensions, 750 draws per class as released, on drawn features. Both forms fit the very
same draws to the same gradient, 1e-4 of the mean loss as is scikit-learn's default, once on one thread each and once
with all cores for each.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.machine.backends import cpu
from benchmark.tasks.few_shot import novel_classes
from benchmark.tasks.few_shot.episodes import Episodes
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup
from benchmark.throughput import calibration, plugged
from benchmark.throughput.calibration import World


@pytest.fixture(scope="module", autouse=True)
def ready(all_cores: None) -> None:
    """As many threads as there are cores; numpy and scikit-learn take them by themselves."""


@pytest.fixture(scope="module")
def world() -> World:
    """Related classes, wide against the distance of their means."""
    return calibration.world()


def _method(world: World) -> Any:
    setup = EpisodeSetup(0, "few_shot.novel_classes", "cpu", 5, calibration.DIMENSIONS, calibration.BASE)
    return plugged.method(novel_classes.track.name, "dc")(setup)


def _batched(world: World, drawn: Episodes) -> Tensor:
    method = _method(world)
    method.observe(world.base, world.base_labels)
    support, labels = drawn.shots(1)
    answers: Tensor = method.classify(world.pool[support], labels, world.pool[drawn.queries])
    return answers


def _looped(world: World, drawn: Episodes) -> Tensor:
    """With the numbers that the batched form draws, of which a block's are drawn once."""
    method = _method(world)
    block = method.block(5, calibration.DIMENSIONS)

    @cache
    def noise(number: int) -> calibration.Array:
        numbers: calibration.Array = method.noise(number, 5, calibration.DIMENSIONS).double().numpy()
        return numbers

    return calibration.literal(world, drawn, 1, noise=lambda episode: noise(episode // block))


def _accuracy(answers: Tensor, drawn: Episodes) -> Tensor:
    return (answers == drawn.query_labels).double().mean(1) * 100


def _some(drawn: Episodes, count: int) -> Episodes:
    return Episodes(drawn.support[:count], drawn.queries[:count], drawn.query_labels[:count], drawn.classes[:count])


def _note(benchmark: BenchmarkFixture, episodes: int) -> None:
    if benchmark.stats:  # not where timing is off
        benchmark.extra_info["episodes_per_second"] = round(episodes / benchmark.stats.stats.min, 2)


@pytest.mark.benchmark(group="distribution calibration: 60 episodes")
@pytest.mark.parametrize("threads", ["one thread", "all cores"])
@pytest.mark.parametrize("form", ["batched", "loop over numpy and scikit-learn"])
def test_sixty_episodes(benchmark: BenchmarkFixture, world: World, form: str, threads: str) -> None:
    """From features to answers, statistics of the base classes included."""
    pytest.importorskip("sklearn.linear_model")
    limits = pytest.importorskip("threadpoolctl").threadpool_limits  # scikit-learn brings it
    if benchmark.disabled and form.startswith("loop"):
        pytest.skip("seconds, for no measurement: tests/methods/few_shot compares the forms")
    drawn = world.episodes(60)
    count = 1 if threads == "one thread" else cpu.available_cores()
    torch.set_num_threads(count)
    solve, rounds = (_batched, 5) if form == "batched" else (_looped, 1)
    with limits(count):
        answers = benchmark.pedantic(solve, args=(world, drawn), rounds=rounds)  # type: ignore[no-untyped-call]
    _note(benchmark, 60)
    if form != "batched" or benchmark.disabled:
        return
    again = _looped(world, _some(drawn, 6))  # the same draws: but for queries on a boundary, the same answers
    assert float((again == answers[:6]).double().mean()) > 0.99


@pytest.mark.benchmark(group="distribution calibration: 600 episodes")
def test_six_hundred_episodes(benchmark: BenchmarkFixture, world: World) -> None:
    """The batched form at the usual number of episodes, on all cores."""
    torch.set_num_threads(cpu.available_cores())
    count = 60 if benchmark.disabled else 600
    drawn = world.episodes(count)
    answers = benchmark.pedantic(_batched, args=(world, drawn), rounds=3)  # type: ignore[no-untyped-call]
    _note(benchmark, count)
    assert answers.shape == drawn.query_labels.shape
    assert 68 < float(_accuracy(answers, drawn).mean()) < 82
