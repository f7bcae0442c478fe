"""Batched logistic regression against scipy.optimize and scikit-learn, one episode after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.errors import UsageError
from benchmark.tasks.few_shot import logistic
from tests.benchmark.tasks.few_shot.logistic_reference import Problem, by_scipy, objective, off, probabilities

PROBLEMS = {
    "one shot": Problem(examples=1, dimensions=64),
    "five shots": Problem(dimensions=64),
    "fewer examples than dimensions": Problem(examples=3, classes=3, dimensions=40),
    "more examples than dimensions": Problem(examples=30, dimensions=6),
    "as many examples as dimensions": Problem(examples=4, classes=4, dimensions=16),
    "two classes": Problem(classes=2),
    "dead features": Problem(dead=9),
    "nearly all features dead": Problem(dimensions=24, dead=23),
    "far apart": Problem(apart=8),
    "no signal": Problem(examples=20, apart=0),
    "weak": Problem(strength=0.01),
    "strong": Problem(strength=100, dtype=torch.float64),
    "scale 100": Problem(scale=100, dtype=torch.float64),
    "scale 0.01": Problem(scale=0.01),
    "distribution calibration": Problem(episodes=1, examples=501, dimensions=64),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_probabilities_are_those_of_scipy(problem: Problem) -> None:
    features, labels, queries = problem.draw()
    heads = problem.fit(features, labels)
    assert heads.converged.all()
    assert heads.weights.shape == (problem.episodes, problem.classes, problem.dimensions)
    assert heads.weights.dtype == features.dtype
    for x, y, asked, weights, biases in zip(features, labels, queries, heads.weights, heads.biases, strict=True):
        examples, targets = x.double().numpy(), y.numpy()
        found = torch.cat([weights.flatten(), biases]).double().numpy()
        _, gradient = objective(found, examples, targets, problem.classes, problem.strength)
        # Below 4 roundings of the largest feature the gradient's entries are noise, here and where it was last seen.
        noise = 8 * torch.finfo(problem.dtype).eps * max(1.0, float(np.sqrt((examples**2).mean(0).max())))
        assert np.abs(gradient).max() <= problem.tolerance + noise
        assert abs(float(biases.sum())) <= 1000 * torch.finfo(problem.dtype).eps * (1 + float(biases.abs().sum()))
        inputs = np.concatenate([examples, asked.double().numpy()])
        expected = by_scipy(x, y, problem)
        both = off(found, examples, targets, inputs, problem) + off(expected, examples, targets, inputs, problem)
        assert both < 1e-3, "too flat to compare"
        one, other = (probabilities(each, inputs, problem.classes) for each in (found, expected))
        assert np.abs(one - other).max() <= 2 * both
    assert torch.equal(heads.predict(queries), heads.scores(queries).argmax(2))


@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("shots", [1, 5, 40])
def test_probabilities_are_those_of_scikit_learn(shots: int, strength: float) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    problem = Problem(examples=shots, strength=strength, dtype=torch.float64)
    features, labels, queries = problem.draw()
    found = problem.fit(features, labels).scores(queries).softmax(2)
    for episode in range(problem.episodes):
        model = linear_model.LogisticRegression(C=strength, tol=1e-9, max_iter=10_000)
        model.fit(features[episode].numpy(), labels[episode].numpy())
        assert np.abs(found[episode].numpy() - model.predict_proba(queries[episode].numpy())).max() < 1e-5


@pytest.mark.parametrize(
    "problem",
    [
        Problem(episodes=200, dtype=torch.float64),
        Problem(episodes=40, examples=1, dimensions=64, dtype=torch.float64),
    ],
    ids=str,
)
def test_an_episode_is_the_same_alone(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what is left of the gradient, 1e-9, over the least curvature, some 1e-3."""
    monkeypatch.setattr(logistic, "_BLOCK_BYTES", 2**14)  # several blocks
    features, labels, queries = problem.draw()
    probabilities = problem.fit(features, labels).scores(queries).softmax(2)
    for episode in range(0, problem.episodes, 13):
        part = slice(episode, episode + 1)
        alone = problem.fit(features[part], labels[part]).scores(queries[part]).softmax(2)
        assert (alone - probabilities[part]).abs().max() < 1e-5


def test_threads_change_nothing_to_speak_of() -> None:
    problem = Problem(episodes=30, examples=10, dtype=torch.float64)
    before, found = torch.get_num_threads(), []
    features, labels, queries = problem.draw()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(problem.fit(features, labels).scores(queries).softmax(2))
    finally:
        torch.set_num_threads(before)
    assert max(float((other - found[0]).abs().max()) for other in found[1:]) < 1e-5


@settings(max_examples=25, deadline=None)
@given(
    classes=st.integers(2, 6),
    examples=st.integers(1, 12),
    dimensions=st.integers(1, 40),
    strength=st.sampled_from([0.01, 0.3, 1.0, 30.0]),
    scale=st.sampled_from([0.1, 1.0, 5.0]),
)
def test_the_gradient_vanishes(classes: int, examples: int, dimensions: int, strength: float, scale: float) -> None:
    """In float64, where rounding does not end the descent early."""
    problem = Problem(2, examples, classes, dimensions, strength, scale, dtype=torch.float64)
    features, labels, _ = problem.draw()
    heads = problem.fit(features, labels)
    assert heads.converged.all()
    for x, y, weights, biases in zip(features, labels, heads.weights, heads.biases, strict=True):
        parameters = torch.cat([weights.flatten(), biases]).numpy()
        _, gradient = objective(parameters, x.numpy(), y.numpy(), classes, strength)
        assert np.abs(gradient).max() <= 1e-8
        # They start at 0 and stay centred: of up to 10,000 passes each adds a rounding error.
        assert abs(float(biases.sum())) < 1e-9 * (1 + float(biases.abs().sum()))


def test_a_larger_strength_regularises_less() -> None:
    norms = [float(p.fit(*p.draw()[:2]).weights.norm()) for p in (Problem(strength=c) for c in (0.01, 0.1, 1.0, 10.0))]
    assert norms == sorted(norms)
    assert norms[-1] > 10 * norms[0]


def test_strength_is_traded_against_the_number_of_examples() -> None:
    """Every example twice at half the strength is the same objective."""
    problem = Problem(dtype=torch.float64)
    features, labels, queries = problem.draw()
    once = problem.fit(features, labels)
    twice = logistic.fit(features.repeat(1, 2, 1), labels.repeat(1, 2), classes=5, strength=0.5, tolerance=1e-9)
    assert (once.scores(queries).softmax(2) - twice.scores(queries).softmax(2)).abs().max() < 1e-5


def test_too_few_passes_are_confessed() -> None:
    problem = Problem(examples=40)
    features, labels, _ = problem.draw()
    assert not logistic.fit(features, labels, classes=5, passes=1).converged.any()
    assert logistic.fit(features, labels, classes=5).converged.all()


def test_the_arguments_are_left_alone() -> None:
    problem = Problem()
    features, labels, _ = problem.draw()
    before = features.clone(), labels.clone()
    problem.fit(features, labels)
    assert torch.equal(features, before[0])
    assert torch.equal(labels, before[1])


def spoilt(value: float) -> Tensor:
    features = torch.ones(3, 4, 2)
    features[1, 2, 1] = value
    return features


TWO = torch.tensor([0, 1, 0, 1]).repeat(3, 1)


@pytest.mark.parametrize(
    ("features", "labels", "words", "message"),
    [
        (spoilt(torch.nan), TWO, {}, "episode 1 has features that are NaN or infinite"),
        (spoilt(-torch.inf), TWO, {}, "episode 1 has features that are NaN or infinite"),
        (
            torch.ones(4, 2),
            TWO[0],
            {},
            r"features \(4, 2\) torch.float32 with labels \(4,\); logistic regression takes",
        ),
        (torch.ones(3, 5, 2), TWO, {}, r"labels \(3, 4\)"),
        (torch.ones(3, 4, 2).long(), TWO, {}, "torch.int64"),
        (torch.ones(3, 4, 2), TWO, {"classes": 3}, "episode 0 has no example of class 2; every class needs one"),
        (torch.ones(3, 4, 2), torch.zeros_like(TWO), {}, "episode 0 has no example of class 1"),
        (torch.ones(3, 4, 2), TWO * 2, {}, "labels from 0 to 2; with 2 classes 0 to 1"),
        (torch.ones(3, 4, 2), TWO - 1, {}, "labels from -1 to 0"),
        (torch.ones(3, 4, 2), TWO, {"classes": 1}, "1 classes at strength 1.0; give two classes or more"),
        (torch.ones(3, 4, 2), TWO, {"strength": 0.0}, "strength 0.0; give .* a positive strength"),
        (torch.ones(3, 4, 2), TWO, {"strength": -1.0}, "strength -1.0"),
        (torch.ones(3, 4, 2), TWO, {"strength": torch.nan}, "strength nan"),
    ],
)
def test_bad_episodes_are_refused(features: Tensor, labels: Tensor, words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        logistic.fit(features, labels, **{"classes": 2, **words})
