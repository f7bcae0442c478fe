"""Episodes: what is in them, and that nothing is in them twice."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.errors import DataError
from benchmark.tasks.few_shot import episodes
from benchmark.tasks.few_shot.episodes import Episodes, class_means

SIZES = [9, 30, 12, 8, 20, 8, 15]
"""Images of the pool's classes; the smallest have just what 3 shots and 5 queries take."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pool(sizes: list[int], *, first: int = 0) -> Tensor:
    """Labels, mixed, from `first` on in steps of two: a pool need not have all labels."""
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)) * 2 + first
    return labels[torch.randperm(len(labels), generator=generator())]


def draw(
    labels: Tensor, *, count: int = 50, ways: int = 4, shots: int = 3, queries: int = 5, seed: int = 0
) -> Episodes:
    return episodes.draw(labels, episodes=count, ways=ways, shots=shots, queries=queries, generator=generator(seed))


def check(drawn: Episodes, labels: Tensor, count: int, ways: int, shots: int, queries: int) -> None:
    assert len(drawn) == count
    assert drawn.support.shape == (count, shots, ways)
    assert drawn.queries.shape == drawn.query_labels.shape == (count, ways * queries)
    assert drawn.classes.shape == (count, ways)
    for episode in range(count):
        classes = drawn.classes[episode]
        assert len(classes.unique()) == ways
        taken = torch.cat([drawn.support[episode].flatten(), drawn.queries[episode]])
        assert len(taken.unique()) == len(taken), "an image was taken twice"
        assert torch.equal(labels[drawn.support[episode]], classes.expand(shots, ways))
        assert torch.equal(labels[drawn.queries[episode]], classes[drawn.query_labels[episode]])
        assert drawn.query_labels[episode].bincount().tolist() == [queries] * ways


def test_labels_are_right_and_no_image_occurs_twice() -> None:
    labels = pool(SIZES)
    check(draw(labels), labels, 50, 4, 3, 5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(4, 12), min_size=3, max_size=9), st.integers(1, 3), st.integers(0, 9))
def test_whatever_the_pool(sizes: list[int], shots: int, seed: int) -> None:
    labels = pool(sizes, first=5)
    check(draw(labels, count=4, ways=3, shots=shots, queries=4 - shots, seed=seed), labels, 4, 3, shots, 4 - shots)


def test_fewer_shots_are_the_first_of_more() -> None:
    labels = pool(SIZES)
    drawn = draw(labels)
    most, known = drawn.shots(3)
    for shots in (1, 2, 3):
        support, within = drawn.shots(shots)
        assert torch.equal(support, most[:, : 4 * shots])
        assert torch.equal(within, known[:, : 4 * shots])
        assert torch.equal(labels[support], drawn.classes.gather(1, within))
        assert (torch.nn.functional.one_hot(within, 4).sum(1) == shots).all()


@pytest.mark.parametrize("shots", [0, 4, -1])
def test_only_shots_that_there_are(shots: int) -> None:
    with pytest.raises(DataError, match=f"{shots} shots; these episodes have 1 to 3"):
        draw(pool(SIZES)).shots(shots)


def test_queries_are_in_random_order() -> None:
    drawn = draw(pool(SIZES))
    orders = {tuple(order) for order in drawn.query_labels.tolist()}
    assert len(orders) == 50
    in_first_place = drawn.query_labels[:, 0].bincount(minlength=4)
    assert in_first_place.min() >= 4  # 12.5 expected


def test_all_classes_and_images_are_drawn_alike() -> None:
    """Images of small classes more often, as classes are drawn first."""
    labels = pool(SIZES)
    drawn = draw(labels, count=4000)
    for label, times in zip(*drawn.classes.unique(return_counts=True), strict=True):
        assert int(times) == pytest.approx(4000 * 4 / 7, rel=0.06), int(label)  # 4 standard deviations
    often = drawn.support[:, 0].flatten().bincount(minlength=len(labels)).double()
    for label, size in enumerate(SIZES):
        expected = 4000 * 4 / 7 / size
        assert (often[labels == 2 * label] - expected).abs().max() < 5 * expected**0.5


def test_seeded() -> None:
    labels = pool(SIZES)
    first, again, other = draw(labels), draw(labels), draw(labels, seed=1)
    assert torch.equal(first.support, again.support)
    assert torch.equal(first.queries, again.queries)
    assert torch.equal(first.query_labels, again.query_labels)
    assert not torch.equal(first.support, other.support)
    before = torch.get_rng_state()
    draw(labels)
    assert torch.equal(before, torch.get_rng_state())


def test_many_episodes_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = pool(SIZES)
    monkeypatch.setattr(episodes, "_CHUNK", 7 * 4 * max(SIZES))
    check(draw(labels), labels, 50, 4, 3, 5)


@pytest.mark.parametrize(
    ("sizes", "words", "message"),
    [
        (SIZES, {"queries": 6}, "class 6 of the pool has 8 images; 3 shots and 6 queries need 9"),
        (SIZES, {"ways": 8}, "8-way episodes from a pool of 7 classes; choose a dataset with more classes or fewer"),
        ([20], {"ways": 2}, "2-way episodes from a pool of 1 class; choose"),
        (SIZES, {"ways": 1}, "50 episodes of 1 ways, 3 shots and 5 queries; an episode has two classes or more"),
        (SIZES, {"shots": 0}, "0 shots and 5 queries"),
        (SIZES, {"queries": 0}, "3 shots and 0 queries"),
        (SIZES, {"count": 0}, "0 episodes"),
        ([], {}, "4-way episodes from a pool of 0 classes"),
    ],
)
def test_impossible_episodes_are_refused(sizes: list[int], words: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw(pool(sizes) if sizes else torch.empty(0, dtype=torch.int64), **words)


def test_class_means() -> None:
    features, labels = torch.randn(3, 11, 4, generator=generator()), torch.tensor([0, 1, 2, 2, 1, 2, 2, 0, 2, 1, 2])
    labels = torch.stack([labels, labels.flip(0), labels.roll(1)])
    means = class_means(features, labels, 3)
    assert means.shape == (3, 3, 4)
    for episode in range(3):
        for label in range(3):
            torch.testing.assert_close(means[episode, label], features[episode][labels[episode] == label].mean(0))
