"""Distribution calibration the slow way, and features to try it on: what tests and benchmarks compare the method with.

The steps are those of the released code (evaluate_DC.py), one episode and one support example after the other, with
numpy's sampler and scikit-learn's regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.seeding import generator, numpy_generator
from benchmark.tasks.few_shot import episodes
from benchmark.tasks.few_shot.episodes import Episodes

Array = NDArray[np.float64]

DIMENSIONS = 64
SUPERCLASSES = 16
BASE, NOVEL = 64, 20
PER_BASE, PER_NOVEL = 300, 100


@dataclass(frozen=True, slots=True)
class World:
    """Features (n, d) float32, not negative, of base classes with labels (n,) and of a pool of novel ones."""

    base: Tensor
    base_labels: Tensor
    pool: Tensor
    pool_labels: Tensor

    def episodes(self, count: int, *, shots: int = 5, seed: int = 0) -> Episodes:
        """Episodes of 5 ways and 15 queries of each class."""
        rng = generator(seed, "calibration", "episodes")
        return episodes.draw(self.pool_labels, episodes=count, ways=5, shots=shots, queries=15, generator=rng)


def world(*, spread: float = 2.5, offset: float = 0.3, separation: float = 0.0, seed: int = 0) -> World:
    """Draw a world of related classes: superclass means N(0, I), shared by base and novel classes, which differ from
    theirs by `offset` times N(0, I); within a class, one anisotropic Gaussian of scale `spread`; softplus of all that.

    separation: above 0 there are no superclasses, and class means are so many times N(0, I), each its own.
    """
    rng = numpy_generator(seed, "calibration", "world")
    rotation = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    eigenvalues = np.exp(rng.normal(size=DIMENSIONS))
    factor = spread * rotation * np.sqrt(eigenvalues / eigenvalues.mean())
    supers = rng.normal(size=(SUPERCLASSES, DIMENSIONS))

    def draw(classes: int, per_class: int) -> tuple[Tensor, Tensor]:
        own = rng.normal(size=(classes, DIMENSIONS))
        means = separation * own if separation else supers[np.arange(classes) % SUPERCLASSES] + offset * own
        labels = np.arange(classes).repeat(per_class)
        features = np.logaddexp(0, means[labels] + rng.normal(size=(len(labels), DIMENSIONS)) @ factor.T)
        return torch.from_numpy(features).float(), torch.from_numpy(labels)

    return World(*draw(BASE, PER_BASE), *draw(NOVEL, PER_NOVEL))


def literal(
    features: World,
    drawn: Episodes,
    shots: int,
    *,
    neighbours: int = 2,
    spread: float = 0.21,
    samples: int = 750,
    consistent: bool = False,
    noise: Callable[[int], Array] | None = None,
    seed: int = 0,
) -> Tensor:
    """Answers (E, Q) of distribution calibration, as released. Needs scikit-learn.

    noise: standard normal numbers (examples, d, draws) of an episode, in place of numpy's sampler
    """
    rng = numpy_generator(seed, "calibration", "samples")
    known = features.base.double().numpy()
    if consistent:
        known = known**0.5
    labels = features.base_labels.numpy()
    means = np.stack([known[labels == label].mean(0) for label in np.unique(labels)])
    covariances = np.stack([np.cov(known[labels == label].T) for label in np.unique(labels)])
    pool = features.pool.double().numpy() ** 0.5
    chosen, chosen_labels = (part.numpy() for part in drawn.shots(shots))
    answers = []
    for episode in range(len(drawn)):
        support, support_labels = pool[chosen[episode]], chosen_labels[episode]
        inputs, targets = [support], [support_labels]
        numbers = noise(episode) if noise else None
        for position, (example, label) in enumerate(zip(support, support_labels, strict=True)):
            mean, covariance = calibrated(example, means, covariances, neighbours, spread)
            if numbers is None:
                inputs.append(rng.multivariate_normal(mean, covariance, size=samples // shots))
            else:
                inputs.append(mean + (np.linalg.cholesky(covariance) @ numbers[position]).T)
            targets.append(np.full(samples // shots, label))
        classifier: Any = import_module("sklearn.linear_model").LogisticRegression(max_iter=1000)
        classifier.fit(np.concatenate(inputs), np.concatenate(targets))
        answers.append(torch.from_numpy(classifier.predict(pool[drawn.queries[episode].numpy()])))
    return torch.stack(answers)


def calibrated(example: Array, means: Array, covariances: Array, neighbours: int, spread: float) -> tuple[Array, Array]:
    """Mean (d,) and covariance (d, d) of a support example (d,) from base classes' means (c, d), (c, d, d)."""
    distances = [float(np.linalg.norm(mean - example)) for mean in means]
    nearest = np.argsort(distances)[:neighbours]
    mean = (means[nearest].sum(0) + example) / (len(nearest) + 1)
    return mean, covariances[nearest].mean(0) + spread
