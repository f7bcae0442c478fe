"""Distribution calibration (arXiv:2101.06395), all episodes at once and one after the other.

5-way 1-shot, 15 queries, 64 dimensions, 500 draws per class, on drawn features. Both forms may use all cores; where
others use them too, threads wait for each other, so the batched form also runs as a contestant does, on one.
"""

from __future__ import annotations

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


def _batched(world: World, drawn: Episodes) -> Tensor:
    setup = EpisodeSetup(0, "few_shot.novel_classes", "cpu", 5, calibration.DIMENSIONS, calibration.BASE)
    method = plugged.method(novel_classes.track.name, "dc")(setup, samples=500)
    method.observe(world.base, world.base_labels)
    support, labels = drawn.shots(1)
    answers: Tensor = method.classify(world.pool[support], labels, world.pool[drawn.queries])
    return answers


def _accuracy(answers: Tensor, drawn: Episodes) -> Tensor:
    return (answers == drawn.query_labels).double().mean(1) * 100


def _note(benchmark: BenchmarkFixture, episodes: int) -> None:
    if benchmark.stats:  # not where timing is off
        benchmark.extra_info["episodes_per_second"] = round(episodes / benchmark.stats.stats.min, 2)


@pytest.mark.benchmark(group="distribution calibration: 60 episodes")
@pytest.mark.parametrize("form", ["batched", "batched, on one thread", "loop over numpy and scikit-learn"])
def test_sixty_episodes(benchmark: BenchmarkFixture, world: World, form: str) -> None:
    """From features to answers, statistics of the base classes included.

    The forms draw samples of their own. An accuracy's difference between two such runs has a standard deviation of 4.8
    points over episodes, 0.6 in the mean over sixty; the batched form is compared with a pinned mean of the loop.
    """
    pytest.importorskip("sklearn.linear_model")
    if benchmark.disabled and form.startswith("loop"):
        pytest.skip("a minute, for no measurement: tests/methods/few_shot compares the forms")
    drawn = world.episodes(60)
    if form.startswith("batched"):
        torch.set_num_threads(1 if form.endswith("one thread") else cpu.available_cores())
        answers = benchmark.pedantic(_batched, args=(world, drawn), rounds=3)  # type: ignore[no-untyped-call]
    else:
        answers = benchmark.pedantic(calibration.literal, args=(world, drawn, 1), rounds=1)  # type: ignore[no-untyped-call]
    _note(benchmark, 60)
    assert float(_accuracy(answers, drawn).mean()) == pytest.approx(73.8, abs=2.5)


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
