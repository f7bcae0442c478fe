"""Regression on draws that are never formed, against the same on draws that are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.few_shot import gaussian, logistic
from benchmark.tasks.few_shot.gaussian import Clouds
from tests.benchmark.tasks.few_shot.logistic_reference import Problem as Rows
from tests.benchmark.tasks.few_shot.logistic_reference import by_scipy, probabilities

CLASSES, WIDE = 3, 6


def clouds(
    shots: int, *, draws: int = 40, episodes: int = 4, spread: float = 1.0, dtype: torch.dtype = torch.float64
) -> Clouds:
    """Episodes whose classes overlap, with labels in an order of each episode's own."""
    rng = generator(0, "clouds", shots, draws)
    groups = CLASSES * shots
    labels = torch.arange(CLASSES).repeat(episodes, shots)
    labels = labels.gather(1, torch.rand(labels.shape, generator=rng).argsort(1))
    means = torch.randn(episodes, CLASSES, WIDE, generator=rng)
    points = means.gather(1, labels.unsqueeze(2).expand(-1, -1, WIDE))
    points = points + torch.randn(episodes, groups, WIDE, generator=rng)
    factors = spread * torch.randn(episodes, groups, WIDE, WIDE, generator=rng)
    noise = torch.randn(groups, WIDE, draws, generator=rng)
    return Clouds(points.to(dtype), labels, (points + 0.3).to(dtype), factors.to(dtype), noise.to(dtype))


def formed(given: Clouds) -> tuple[Tensor, Tensor]:
    """The examples (E, n, d), one after the other, and their labels."""
    inputs, labels = [], []
    for episode in range(len(given.points)):
        rows, known = list(given.points[episode]), given.labels[episode].tolist()
        for group in range(given.points.shape[1]):
            for draw in given.noise[group].T:
                rows.append(given.factors[episode, group] @ draw + given.means[episode, group])
                known.append(int(given.labels[episode, group]))
        inputs.append(torch.stack(rows))
        labels.append(torch.tensor(known))
    return torch.stack(inputs), torch.stack(labels)


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("shots", [1, 3])
def test_the_optimum_is_that_of_scipy(shots: int, strength: float) -> None:
    given = clouds(shots)
    inputs, labels = formed(given)
    found = gaussian.fit(given, classes=CLASSES, strength=strength, tolerance=1e-9)
    assert found.converged.all()
    asked = inputs[:, ::7]
    mine = found.scores(asked).softmax(2)
    problem = Rows(classes=CLASSES, dimensions=WIDE, strength=strength, dtype=torch.float64)
    for episode in range(len(inputs)):
        best = by_scipy(inputs[episode], labels[episode], problem)
        expected = probabilities(best, asked[episode].numpy(), CLASSES)
        assert np.abs(mine[episode].numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("shots", [1, 3])
def test_gradient_is_that_of_the_formed_draws(shots: int) -> None:
    given = clouds(shots)
    inputs, labels = formed(given)
    problem, rows = gaussian._Drawn(given, CLASSES, 0.7), logistic._Rows(inputs, labels, CLASSES, 0.7)
    weights = torch.randn(4, CLASSES, WIDE + 1, generator=generator(1), dtype=torch.float64)
    torch.testing.assert_close(problem.gradient(weights), rows.gradient(weights))


def test_float32_arrives_at_the_tolerance_of_scikit_learn() -> None:
    """A gradient of 1e-4 of the mean loss, in either form: probabilities differ by what that leaves open."""
    given = clouds(1, draws=400, dtype=torch.float32)
    inputs, labels = formed(given)
    found = gaussian.fit(given, classes=CLASSES, tolerance=1e-4)
    assert found.converged.all()
    weights = torch.cat([found.weights, found.biases.unsqueeze(2)], dim=2).double()
    rows = logistic._Rows(inputs.double(), labels, CLASSES, 1.0)
    assert float(rows.gradient(weights).abs().max()) < 1.1e-4
    exact = logistic.fit(inputs.double(), labels, classes=CLASSES, tolerance=1e-9)
    assert (found.scores(inputs).softmax(2) - exact.scores(inputs.double()).softmax(2)).abs().max() < 0.01


def test_curvature_of_gaussian_draws_is_the_hessian() -> None:
    """With many draws: the estimate is exact for them, and points and sampling are all that is left."""
    given = clouds(1, draws=20_000, episodes=2)
    problem = gaussian._Drawn(given, CLASSES, 1.0)
    size = problem.hessian.shape[1]
    estimated = problem.hessian @ problem.hessian.mT
    free, width = CLASSES - 1, WIDE + 1
    step, columns = 1e-5, []
    for entry in range(size):
        inside = torch.zeros(size, dtype=torch.float64)
        inside[entry] = step
        move = problem.basis @ inside.view(free, width)
        change = problem.gradient(problem.start + move) - problem.gradient(problem.start - move)
        columns.append((problem.basis.T @ change).flatten(1) / (2 * step))
    literal = torch.stack(columns, dim=2)
    assert (estimated - literal).norm() < 0.03 * literal.norm()


@pytest.mark.parametrize("spread", [0.0, 1e-4, 30.0])
def test_narrow_and_wide_draws_converge(spread: float) -> None:
    given = clouds(2, spread=spread, dtype=torch.float32)
    inputs, labels = formed(given)
    found = gaussian.fit(given, classes=CLASSES, tolerance=1e-5)
    expected = logistic.fit(inputs.double(), labels, classes=CLASSES, tolerance=1e-9)
    assert found.converged.all()
    assert (found.scores(inputs).argmax(2) == expected.predict(inputs.double())).double().mean() > 0.99
