"""Logistic regression the slow and obvious way: problems of a kind, the objective as scikit-learn has it, scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.few_shot import logistic

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """examples: per class;  dead: dimensions that are always 0;  apart: between class means, in standard deviations."""

    episodes: int = 3
    examples: int = 5
    classes: int = 5
    dimensions: int = 16
    strength: float = 1.0
    scale: float = 1.0
    dead: int = 0
    apart: float = 1.0
    dtype: torch.dtype = torch.float32

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features (E, n, d), labels (E, n) in an order of each episode's own, queries (E, 40, d)."""
        rng = generator(0, "logistic", *map(str, (self.examples, self.classes, self.dimensions)))
        means = self.apart * torch.randn(self.episodes, self.classes, self.dimensions, generator=rng)
        labels = torch.arange(self.classes).repeat(self.episodes, self.examples)
        labels = labels.gather(1, torch.rand(labels.shape, generator=rng).argsort(1))
        asked = torch.randint(self.classes, (self.episodes, 40), generator=rng)
        inputs = []
        for which in (labels, asked):
            noise = torch.randn(*which.shape, self.dimensions, generator=rng)
            part = self.scale * (means.gather(1, which.unsqueeze(2).expand_as(noise)) + noise).relu()
            part[..., : self.dead] = 0
            inputs.append(part.to(self.dtype))
        return inputs[0], labels, inputs[1]

    def fit(self, features: Tensor, labels: Tensor) -> logistic.Heads:
        # Float32 could not follow the gradient down to what float64 can.
        # Separable examples that are hardly held back take thousands of passes to it.
        passes = 10_000 if self.dtype == torch.float64 else 1000
        return logistic.fit(
            features, labels, classes=self.classes, strength=self.strength, tolerance=self.tolerance, passes=passes
        )

    @property
    def tolerance(self) -> float:
        """Of the gradient: float32 has the default."""
        return 1e-9 if self.dtype == torch.float64 else 1e-6


def objective(parameters: Array, features: Array, labels: Array, classes: int, strength: float) -> tuple[float, Array]:
    """The objective that scikit-learn documents, divided by C n, and its gradient."""
    weights, biases = np.split(parameters, [classes * features.shape[1]])
    weights = weights.reshape(classes, -1)
    scores = features @ weights.T + biases
    logarithms = special.log_softmax(scores, axis=1)
    count = len(labels)
    value = 0.5 * (weights**2).sum() / (strength * count) - logarithms[np.arange(count), labels].mean()
    residuals = (np.exp(logarithms) - np.eye(classes)[labels]) / count
    gradient = residuals.T @ features + weights / (strength * count)
    return float(value), np.concatenate([gradient.ravel(), residuals.sum(0)])


def off(parameters: Array, features: Array, labels: Array, inputs: Array, problem: Problem) -> float:
    """How far the probabilities of inputs are from the optimum's: what a step of Newton's changes, in float64."""
    count, classes = len(labels), problem.classes
    padded = np.pad(features, ((0, 0), (0, 1)), constant_values=1.0)
    weights = np.column_stack([parameters[:-classes].reshape(classes, -1), parameters[-classes:]])
    probability = special.softmax(padded @ weights.T, axis=1)
    between = np.einsum("nc,ck->nck", probability, np.eye(classes)) - np.einsum("nc,nk->nck", probability, probability)
    hessian = np.einsum("nck,ni,nj->cikj", between, padded, padded, optimize=True) / count
    ridge = np.r_[np.full(features.shape[1], 1 / (problem.strength * count)), 0.0]
    hessian += np.einsum("ck,ij->cikj", np.eye(classes), np.diag(ridge))
    _, gradient = objective(parameters, features, labels, classes, problem.strength)
    slope = np.column_stack([gradient[:-classes].reshape(classes, -1), gradient[-classes:]]).ravel()
    size = weights.size
    step = np.linalg.lstsq(hessian.reshape(size, size), slope, rcond=1e-12)[0].reshape(weights.shape)
    asked = np.pad(inputs, ((0, 0), (0, 1)), constant_values=1.0)
    before, after = (special.softmax(asked @ each.T, axis=1) for each in (weights, weights - step))
    return float(np.abs(after - before).max())


def by_scipy(features: Tensor, labels: Tensor, problem: Problem) -> Array:
    """Weights (classes, d) and biases of one episode, flat, in float64."""
    inputs, targets = features.double().numpy(), labels.numpy()
    found = optimize.minimize(
        objective,
        np.zeros(problem.classes * (inputs.shape[1] + 1)),
        args=(inputs, targets, problem.classes, problem.strength),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 50_000, "maxfun": 100_000, "maxcor": 50, "ftol": 0.0, "gtol": 1e-9},
    )
    assert np.abs(found.jac).max() < 1e-6, "scipy has not arrived"
    return np.asarray(found.x)


def probabilities(parameters: Array, inputs: Array, classes: int) -> Array:
    """Of the classes, (n, classes), for weights and biases, flat."""
    scores = inputs @ parameters[:-classes].reshape(classes, -1).T + parameters[-classes:]
    return np.asarray(special.softmax(scores, axis=1))
