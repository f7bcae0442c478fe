"""Methods of `few_shot.novel_classes` that end in a simple classifier, against loops over single episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark import plugins
from benchmark.seeding import generator
from benchmark.tasks.few_shot import novel_classes
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup

plugins.load_methods()

Array = NDArray[np.float64]
SETUP = EpisodeSetup(0, "few_shot.novel_classes", "cpu", ways=5, dimensions=24, base_classes=4)


def draw(shots: int, *, count: int = 12) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Base features and labels, then support, its labels and queries of episodes whose classes overlap."""
    rng = generator(0, "classifiers", shots)
    base = torch.rand(40, 24, generator=rng)
    means = 0.5 * torch.rand(count, 5, 24, generator=rng)
    labels = torch.arange(5).repeat(count, shots)
    asked = torch.randint(5, (count, 30), generator=rng)

    def around(which: Tensor) -> Tensor:
        noise = torch.randn(*which.shape, 24, generator=rng)
        return (means.gather(1, which.unsqueeze(2).expand_as(noise)) + 0.4 * noise).relu()

    return base, torch.arange(40) % 4, around(labels), labels, around(asked)


def answers(name: str, shots: int, **words: Any) -> Tensor:
    base, base_labels, support, labels, queries = draw(shots)
    method = novel_classes.track.classes[name](SETUP, **words)
    before = [part.clone() for part in (support, labels, queries)]
    method.observe(base, base_labels)
    found = method.classify(support, labels, queries)
    assert found.dtype == torch.int64
    assert all(map(torch.equal, before, (support, labels, queries)))
    return found


def unit(features: Array) -> Array:
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


def nearest_centroid(base: Array, support: Array, labels: Array, query: Array) -> int:
    distances = [np.linalg.norm(query - support[labels == label].mean(0)) for label in range(5)]
    return int(np.argmin(distances))


def simpleshot(base: Array, support: Array, labels: Array, query: Array) -> int:
    centre = base.mean(0)
    return nearest_centroid(base, unit(support - centre), labels, unit(query - centre))


def five_nearest(base: Array, support: Array, labels: Array, query: Array) -> int:
    """Of the classes with most votes, that with the most similar voters."""
    similarity = unit(support) @ unit(query)
    voters = np.argsort(-similarity)[: min(5, len(support) // 5)]
    votes = [(int((labels[voters] == c).sum()), float(similarity[voters][labels[voters] == c].sum())) for c in range(5)]
    return max(range(5), key=votes.__getitem__)


@pytest.mark.parametrize("shots", [1, 2, 5])
@pytest.mark.parametrize(
    ("name", "literal"),
    [("nearest-centroid", nearest_centroid), ("simpleshot", simpleshot), ("knn", five_nearest)],
)
def test_equals_a_loop_over_queries(name: str, literal: Any, shots: int) -> None:
    base, _, support, labels, queries = (part.double().numpy() for part in draw(shots))
    expected = [
        [literal(base, support[episode], labels[episode], query) for query in queries[episode]]
        for episode in range(len(support))
    ]
    assert answers(name, shots).tolist() == expected


def test_simpleshot_needs_the_base() -> None:
    """Otherwise it would be nearest centroid on features of length 1."""
    assert not torch.equal(answers("simpleshot", 1), answers("nearest-centroid", 1))


@pytest.mark.parametrize("neighbours", [1, 3, 99])
def test_knn_has_at_most_as_many_neighbours_as_shots(neighbours: int) -> None:
    assert torch.equal(answers("knn", 1, neighbours=neighbours), answers("knn", 1, neighbours=1))
    if neighbours > 1:
        assert not torch.equal(answers("knn", 5, neighbours=neighbours), answers("knn", 5, neighbours=1))


@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize(
    ("name", "form"), [("lr", lambda x: x), ("lr-l2", unit), ("lr-tukey", np.sqrt)], ids=["lr", "lr-l2", "lr-tukey"]
)
def test_equals_scikit_learn(name: str, form: Any, shots: int) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    _, _, support, labels, queries = (part.double().numpy() for part in draw(shots))
    found = answers(name, shots, strength=1.0)
    for episode in range(len(support)):
        classifier = linear_model.LogisticRegression().fit(form(support[episode]), labels[episode].astype(int))
        probabilities = np.sort(classifier.predict_proba(form(queries[episode])), axis=1)
        clear = probabilities[:, -1] - probabilities[:, -2] > 1e-3  # scikit-learn stops at a gradient of 1e-4
        assert clear.mean() > 0.8
        assert (found[episode].numpy() == classifier.predict(form(queries[episode])))[clear].all()


@pytest.mark.parametrize("name", ["lr", "lr-l2", "lr-tukey"])
def test_strength_is_c(name: str) -> None:
    assert not torch.equal(answers(name, 5, strength=1e-3), answers(name, 5, strength=1e3))


@pytest.mark.parametrize("entry", novel_classes.track.entries.values(), ids=lambda entry: entry.name)
class TestEveryMethod:
    """Registered under this track: what holds for all of them."""

    def test_learns_from_the_support(self, entry: Any) -> None:
        base, base_labels, support, labels, _ = draw(5)
        method = novel_classes.track.classes[entry.name](SETUP)
        method.observe(base, base_labels)
        right = (method.classify(support, labels, support) == labels).double().mean()
        assert right > 0.6  # chance is 0.2; distribution calibration smooths a lot

    def test_dead_features_and_a_query_of_nothing(self, entry: Any) -> None:
        base, base_labels, support, labels, queries = draw(1)
        for part in (base, support, queries):
            part[..., :20] = 0
        support[0, 0] = 0
        queries[0, 0] = 0
        method = novel_classes.track.classes[entry.name](SETUP)
        method.observe(base, base_labels)
        found = method.classify(support, labels, queries)
        assert found.shape == queries.shape[:2]
        assert found.min() >= 0
        assert found.max() < 5

    def test_an_episode_is_answered_alike_among_others(self, entry: Any) -> None:
        """But for what is drawn at random."""
        base, base_labels, support, labels, queries = draw(5)
        together, alone = novel_classes.track.classes[entry.name](SETUP), novel_classes.track.classes[entry.name](SETUP)
        for method in (together, alone):
            method.observe(base, base_labels)
        first = together.classify(support, labels, queries)[:1]
        second = alone.classify(support[:1], labels[:1], queries[:1])
        assert (first == second).double().mean() > 0.9
