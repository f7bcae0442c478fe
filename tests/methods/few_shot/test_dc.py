"""Distribution calibration against the literal steps, and where it helps and where it does not."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.few_shot import logistic, novel_classes
from benchmark.tasks.few_shot.episodes import Episodes
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
        """What regression sees: the support itself, then as many draws of each example, with its label."""
        fitted: list[tuple[Tensor, Tensor]] = []
        real = logistic.fit

        def fit(features: Tensor, labels: Tensor, **words: Any) -> logistic.Heads:
            fitted.append((features, labels))
            return real(features, labels, **words)

        monkeypatch.setattr(logistic, "fit", fit)
        features, labels = base()
        method = build(name, samples=10_000)
        method.observe(features, labels)
        examples, known = support(5 * shots)[None], torch.arange(5).repeat(1, shots)
        method.classify(examples, known, examples)
        ((inputs, targets),) = fitted
        count = 10_000 // shots
        assert inputs.shape == (1, 5 * shots + 5 * shots * count, WIDE)
        torch.testing.assert_close(inputs[0, : 5 * shots], examples[0].sqrt())
        assert torch.equal(targets[:, : 5 * shots], known)
        means, factors = method._calibrated(examples[0].sqrt())
        for number in range(5 * shots):
            mine = slice(5 * shots + number * count, 5 * shots + (number + 1) * count)
            assert (targets[0, mine] == known[0, number]).all()
            covariance = factors[number] @ factors[number].T
            deviations = covariance.diagonal().sqrt()
            error = (inputs[0, mine].mean(0) - means[number]) / deviations
            assert error.abs().max() < 5 / count**0.5
            difference = (inputs[0, mine].T.cov() - covariance) / torch.outer(deviations, deviations)
            assert difference.abs().max() < 5 * (2 / count) ** 0.5


def test_samples_are_seeded() -> None:
    features, labels = base()

    def heads(seed: int) -> Tensor:
        method = build("dc", seed=seed)
        method.observe(features, labels)
        weights: Tensor = method._heads(support(5)[None], torch.arange(5)[None], 20).weights
        return weights

    assert torch.equal(heads(0), heads(0))
    assert not torch.equal(heads(0), heads(1))


def test_blocks_of_episodes_are_joined_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing random left, episodes are answered alike however many are taken at once."""
    features, labels = base(per_class=1)
    examples, queries = support(60).view(12, 5, WIDE), support(96).view(12, 8, WIDE)
    found = []
    for size in (2**26, 1):
        method = build("dc", spread=0.0, samples=5)
        monkeypatch.setattr(sys.modules[type(method).__module__], "_BLOCK_BYTES", size)
        method.observe(features, labels)
        found.append(method.classify(examples, torch.arange(5).repeat(12, 1), queries))
    assert torch.equal(found[0], found[1])


def accuracies(answers: Tensor, drawn: Episodes) -> Tensor:
    return (answers == drawn.query_labels).double().mean(1) * 100


def classify(name: str, world: World, drawn: Episodes, shots: int, **words: Any) -> Tensor:
    method = build(name, dimensions=calibration.DIMENSIONS, base_classes=calibration.BASE, **words)
    method.observe(world.base, world.base_labels)
    chosen, labels = drawn.shots(shots)
    answers: Tensor = method.classify(world.pool[chosen], labels, world.pool[drawn.queries])
    return answers


def check_against_literal(name: str, shots: int, count: int, samples: int) -> None:
    """The two draw their samples independently, and nothing else differs.

    So differences of an episode's accuracies have mean zero, and their mean over episodes stays within four standard
    errors; and they agree on as many queries as two runs of either do, within three points.
    """
    pytest.importorskip("sklearn.linear_model")
    world = calibration.world()
    drawn = world.episodes(count)
    expected = calibration.literal(world, drawn, shots, samples=samples, consistent=name == "dc-consistent")
    found, again = (classify(name, world, drawn, shots, samples=samples, seed=seed) for seed in (0, 1))
    differences = accuracies(found, drawn) - accuracies(expected, drawn)
    assert abs(float(differences.mean())) <= 4 * float(differences.std()) / count**0.5
    agreement, usual = ((found == other).double().mean() for other in (expected, again))
    assert agreement > usual - 0.03


def test_equals_the_literal_steps() -> None:
    check_against_literal("dc", 1, 12, 80)


@pytest.mark.slow
@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize("name", ["dc", "dc-consistent"])
def test_equals_the_literal_steps_in_full_size(name: str, shots: int) -> None:
    check_against_literal(name, shots, 60, 500)


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
