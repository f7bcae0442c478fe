"""Distribution calibration against the literal steps, and where it helps and where it does not."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.few_shot import gaussian, logistic, novel_classes
from benchmark.tasks.few_shot.episodes import Episodes
from benchmark.tasks.few_shot.gaussian import Clouds
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup
from benchmark.throughput import calibration
from benchmark.throughput.calibration import World

WAYS, WIDE = 5, 6


def build(name: str, *, dimensions: int = WIDE, base_classes: int = 4, seed: int = 0, **words: Any) -> Any:
    setup = EpisodeSetup(seed, "few_shot.novel_classes", "cpu", WAYS, dimensions, base_classes)
    return novel_classes.track.classes[name](setup, **words)


def base(classes: int = 4, per_class: int = 12, dimensions: int = WIDE) -> tuple[Tensor, Tensor]:
    rng = generator(0, "base", classes, per_class, dimensions)
    labels = torch.arange(classes).repeat(per_class)
    means = torch.rand(classes, dimensions, generator=rng)
    return means[labels] + torch.rand(len(labels), dimensions, generator=rng), labels


def support(count: int, dimensions: int = WIDE) -> Tensor:
    return torch.rand(count, dimensions, generator=generator(0, "support", count)) * 1.5


def statistics(features: Tensor, labels: Tensor) -> tuple[Any, Any]:
    parts = [features.double().numpy()[labels.numpy() == label] for label in range(int(labels.max()) + 1)]
    return np.stack([part.mean(0) for part in parts]), np.stack([np.cov(part.T) for part in parts])


@pytest.mark.parametrize(("name", "power"), [("dc", 1.0), ("dc-consistent", 0.5)])
class TestSteps:
    @pytest.mark.parametrize("neighbours", [1, 2, 3, 99])
    @pytest.mark.parametrize("spread", [0.0, 0.21])
    def test_calibrated_statistics(self, name: str, power: float, neighbours: int, spread: float) -> None:
        features, labels = base()
        method = build(name, neighbours=neighbours, spread=spread)
        method.observe(features, labels)
        known = statistics(features**power, labels)
        means, factors = method._calibrated(support(7))
        for example, mean, factor in zip(support(7), means, factors, strict=True):
            expected = calibration.calibrated(example.double().numpy(), *known, neighbours, spread)
            assert mean.numpy() == pytest.approx(expected[0], abs=1e-6)
            assert (factor @ factor.T).numpy() == pytest.approx(expected[1], abs=2e-6)

    def test_alpha_goes_to_every_entry(self, name: str, power: float) -> None:
        features, labels = base()
        covariances = []
        for spread in (0.0, 0.21):
            method = build(name, spread=spread)
            method.observe(features, labels)
            _, factors = method._calibrated(support(3))
            covariances.append(factors @ factors.mT)
        assert (covariances[1] - covariances[0]).numpy() == pytest.approx(0.21, abs=2e-6)

    def test_fewer_images_than_dimensions(self, name: str, power: float) -> None:
        """Five images span a covariance of rank 4 at most, in 30 dimensions: factors give back what there is of it."""
        features, labels = base(per_class=5, dimensions=30)
        method = build(name, dimensions=30, spread=0.21)
        method.observe(features, labels)
        known = statistics(features**power, labels)
        _, factors = method._calibrated(support(6, 30))
        assert factors.isfinite().all()
        for example, factor in zip(support(6, 30), factors, strict=True):
            _, expected = calibration.calibrated(example.double().numpy(), *known, 2, 0.21)
            assert np.linalg.matrix_rank(expected) <= 9
            assert (factor @ factor.T).numpy() == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("spread", [0.0, 0.21])
    def test_one_image_per_base_class(self, name: str, power: float, spread: float) -> None:
        """Then there is no spread to borrow but alpha's."""
        features, labels = base(per_class=1)
        method = build(name, spread=spread)
        method.observe(features, labels)
        _, factors = method._calibrated(support(3))
        assert (factors @ factors.mT).numpy() == pytest.approx(spread, abs=1e-5)
        answers = method.classify(
            support(10).view(2, 5, WIDE), torch.arange(5).repeat(2, 1), support(8).view(2, 4, WIDE)
        )
        assert answers.shape == (2, 4)

    @pytest.mark.parametrize("shots", [1, 2, 5])
    def test_draws(self, name: str, power: float, shots: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """What regression sees: the support itself, with its labels, and as many draws of each example."""
        fitted: list[Clouds] = []
        real = gaussian.fit

        def fit(clouds: Clouds, **words: Any) -> logistic.Heads:
            fitted.append(clouds)
            return real(clouds, **words)

        monkeypatch.setattr(gaussian, "fit", fit)
        features, labels = base()
        method = build(name, samples=1000)
        method.observe(features, labels)
        examples, known = support(5 * shots)[None], torch.arange(5).repeat(1, shots)
        method.classify(examples, known, examples)
        (clouds,) = fitted
        torch.testing.assert_close(clouds.points, examples.sqrt())
        assert torch.equal(clouds.labels, known)
        means, factors = method._calibrated(examples[0].sqrt())
        assert torch.equal(clouds.means[0], means)
        assert torch.equal(clouds.factors[0], factors)
        assert clouds.noise.shape == (5 * shots, WIDE, 1000 // shots)
        assert abs(float(clouds.noise.mean())) < 5 / clouds.noise.numel() ** 0.5
        assert abs(float(clouds.noise.square().mean()) - 1) < 5 * (2 / clouds.noise.numel()) ** 0.5


def test_samples_are_seeded_and_new_for_every_block() -> None:
    first, again, other = (build("dc", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.noise(0, 5, WIDE), again.noise(0, 5, WIDE))
    assert not torch.equal(first.noise(0, 5, WIDE), other.noise(0, 5, WIDE))
    assert not torch.equal(first.noise(0, 5, WIDE), first.noise(1, 5, WIDE))
    features, labels = base()
    first.observe(features, labels)
    for _ in range(2):
        first.classify(support(5)[None], torch.arange(5)[None], support(5)[None])
    assert first._blocks == 2


def test_blocks_of_episodes_are_joined_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing random left, episodes are answered alike however many are taken at once."""
    features, labels = base(per_class=1)
    examples, queries = support(60).view(12, 5, WIDE), support(96).view(12, 8, WIDE)
    found = []
    for size in (2**28, 1):
        method = build("dc", spread=0.0, samples=5)
        monkeypatch.setattr(sys.modules[type(method).__module__], "_BLOCK_BYTES", size)
        method.observe(features, labels)
        found.append(method.classify(examples, torch.arange(5).repeat(12, 1), queries))
    assert torch.equal(found[0], found[1])


def test_blocks_are_smaller_in_many_dimensions() -> None:
    method = build("dc")
    assert method.block(5, 64) == 32
    assert 1 <= method.block(25, 640) < 32


def accuracies(answers: Tensor, drawn: Episodes) -> Tensor:
    return (answers == drawn.query_labels).double().mean(1) * 100


def classify(name: str, world: World, drawn: Episodes, shots: int, **words: Any) -> Tensor:
    method = build(name, dimensions=calibration.DIMENSIONS, base_classes=calibration.BASE, **words)
    method.observe(world.base, world.base_labels)
    chosen, labels = drawn.shots(shots)
    answers: Tensor = method.classify(world.pool[chosen], labels, world.pool[drawn.queries])
    return answers


def test_the_same_draws_give_the_answers_of_scikit_learn() -> None:
    """Both stop at a gradient of 1e-4; queries about which that leaves open more than the class are few."""
    pytest.importorskip("sklearn.linear_model")
    world = calibration.world()
    drawn = world.episodes(8)
    method = build("dc", dimensions=calibration.DIMENSIONS, base_classes=calibration.BASE, samples=200)
    noise = method.noise(0, 5, calibration.DIMENSIONS).double().numpy()
    expected = calibration.literal(world, drawn, 1, samples=200, noise=lambda episode: noise)
    assert (classify("dc", world, drawn, 1, samples=200) == expected).double().mean() >= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize("name", ["dc", "dc-consistent"])
def test_draws_of_numpy_give_as_good_answers(name: str, shots: int) -> None:
    """The two draw their samples independently, numpy as released, and nothing else differs.

    So differences of an episode's accuracies have mean zero, and their mean over episodes stays within four standard
    errors; and they agree on as many queries as two runs of either do, within three points.
    """
    pytest.importorskip("sklearn.linear_model")
    world = calibration.world()
    drawn = world.episodes(60)
    expected = calibration.literal(world, drawn, shots, consistent=name == "dc-consistent")
    found, again = (classify(name, world, drawn, shots, seed=seed) for seed in (0, 1))
    differences = accuracies(found, drawn) - accuracies(expected, drawn)
    assert abs(float(differences.mean())) <= 4 * float(differences.std()) / 60**0.5
    agreement, usual = ((found == other).double().mean() for other in (expected, again))
    assert agreement > usual - 0.03


def mean(shots: int, *names: str, **words: Any) -> list[float]:
    """Mean accuracy of methods over 40 episodes of each of three worlds, in per cent."""
    found = []
    for seed in range(3):
        world = calibration.world(seed=seed, **words)
        drawn = world.episodes(40, seed=seed)
        found.append([float(accuracies(classify(name, world, drawn, shots), drawn).mean()) for name in names])
    return [float(column.mean()) for column in np.array(found).T]


def test_one_shot_of_related_classes() -> None:
    """Wide classes around superclass means that the base shares: a lone example says little, its neighbours a lot."""
    raw, tukey, released, consistent = mean(1, "lr", "lr-tukey", "dc", "dc-consistent")
    assert released - raw >= 15
    assert released - tukey >= 15
    assert consistent - released >= 2, "means and support on one scale: better"


def test_five_shots_of_related_classes() -> None:
    tukey, released, consistent = mean(5, "lr-tukey", "dc", "dc-consistent")
    assert released - tukey >= 8
    assert consistent > released


@pytest.mark.parametrize("shots", [1, 5])
def test_unrelated_classes(shots: int) -> None:
    """Class means far apart, each its own: what is borrowed from the nearest base classes is not wanted."""
    tukey, released = mean(shots, "lr-tukey", "dc", separation=2.0)
    assert released <= tukey + 0.5
