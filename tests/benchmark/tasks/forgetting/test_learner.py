"""The sequential learner, its memory and its network, against slower and more obvious ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.tasks.forgetting.learner import Reservoir, SequentialForgettingLearner, gradient_of, patches
from benchmark.tasks.forgetting.network import ContinualNet
from benchmark.tasks.forgetting.rules import ContinualSetup

SETUP = ContinualSetup(
    seed=0,
    track="forgetting.split",
    device_name="cpu",
    tasks=3,
    classes=4,
    image_shape=(1, 8, 8),
    one_head=False,
    network="convnet",
    memory=20,
    epochs=2,
    batch_size=5,
    learning_rate=0.05,
    hold_out=0.0,
    patience=0,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stream(start: int, count: int) -> tuple[Tensor, Tensor]:
    """Examples whose image and label both say which they are."""
    numbers = torch.arange(start, start + count)
    return numbers[:, None, None, None].expand(-1, 1, 2, 2).float(), numbers


def literal_algorithm_r(sizes: list[int], capacity: int, random: torch.Generator) -> list[tuple[int, int]]:
    """Vitter's algorithm R, one example after the other, with the random numbers that `Reservoir.add` draws."""
    kept: list[tuple[int, int]] = []
    seen = 0
    for task, size in enumerate(sizes):
        first = seen
        order = torch.randperm(size, generator=random).tolist()
        draws = torch.rand(size, generator=random, dtype=torch.float64).tolist()
        for row, draw in zip(order, draws, strict=True):
            if len(kept) < capacity:
                kept.append((first + row, task))
            else:
                place = math.floor(draw * (seen + 1))
                if place < capacity:
                    kept[place] = (first + row, task)
            seen += 1
    return kept


def filled(sizes: list[int], capacity: int, seed: int = 0) -> Reservoir:
    reservoir = Reservoir(capacity, generator(seed))
    start = 0
    for task, size in enumerate(sizes):
        reservoir.add(*stream(start, size), task)
        start += size
    return reservoir


def contents(reservoir: Reservoir) -> list[tuple[int, int]]:
    images, labels, tasks = reservoir._filled or ()
    assert torch.equal(images, labels[:, None, None, None].expand(-1, 1, 2, 2).float()), "images and labels parted"
    return list(zip(labels.tolist(), tasks.tolist(), strict=True))


class TestReservoir:
    @pytest.mark.parametrize(
        ("sizes", "capacity"),
        [([3], 5), ([5], 5), ([20], 5), ([3, 3, 3], 5), ([1] * 12, 4), ([50, 7, 90], 16), ([2, 100], 1), ([0, 4], 3)],
    )
    def test_equals_algorithm_r_one_by_one(self, sizes: list[int], capacity: int) -> None:
        for seed in range(5):
            assert contents(filled(sizes, capacity, seed)) == literal_algorithm_r(sizes, capacity, generator(seed))

    def test_size(self) -> None:
        reservoir = Reservoir(5, generator())
        assert (len(reservoir), reservoir.floats()) == (0, 0)
        for start, size in ((0, 3), (3, 5), (5, 5)):
            reservoir.add(*stream(start, 3 if start == 0 else 2), 0)
            assert len(reservoir) == size
        assert reservoir.floats() == 5 * 4 + 5
        assert reservoir.seen == 7

    def test_every_example_is_as_likely_as_any_other(self) -> None:
        trials, counts = 2000, torch.zeros(20)
        random = generator()
        for _ in range(trials):
            reservoir = Reservoir(5, random)
            reservoir.add(*stream(0, 8), 0)
            reservoir.add(*stream(8, 12), 1)
            counts[[number for number, _ in contents(reservoir)]] += 1
        assert counts.sum() == 5 * trials
        assert stats.chisquare(counts.numpy()).pvalue > 0.001  # seeded: it passes always or never

    def test_draws_keep_image_label_and_task_together(self) -> None:
        reservoir = filled([10, 10], 6)
        images, labels, tasks = reservoir.draw(200)
        assert images.shape == (200, 1, 2, 2)
        assert torch.equal(images[:, 0, 0, 0].long(), labels)
        assert torch.equal(tasks, labels // 10)
        assert set(zip(labels.tolist(), tasks.tolist(), strict=True)) == set(contents(reservoir))

    def test_what_else_is_kept_stays_with_its_example_and_counts(self) -> None:
        reservoir = Reservoir(6, generator())
        for task, start in enumerate((0, 10)):
            images, labels = stream(start, 10)
            reservoir.add(images, labels, task, torch.stack([labels + 0.5, labels + 0.25], 1))
        _, labels, _, more = reservoir.draw(50)
        assert torch.equal(more, torch.stack([labels + 0.5, labels + 0.25], 1))
        assert reservoir.floats() == 6 * (4 + 1 + 2)

    def test_draws_are_seeded(self) -> None:
        one, other = filled([10, 10], 6), filled([10, 10], 6)
        assert [one.draw(4)[1].tolist() for _ in range(3)] == [other.draw(4)[1].tolist() for _ in range(3)]

    def test_nothing_to_draw(self) -> None:
        with pytest.raises(AssertionError, match="nothing was added yet"):
            Reservoir(3, generator()).draw(1)


class TestNetwork:
    @pytest.mark.parametrize("one_head", [False, True])
    def test_mixed_equals_each_head_by_itself(self, one_head: bool) -> None:
        model = replace(SETUP, one_head=one_head).model()
        images, tasks = torch.randn(9, 1, 8, 8, generator=generator()), torch.tensor([2, 0, 1, 1, 2, 0, 0, 1, 2])
        scores = model.mixed(images, tasks)
        for row, task in enumerate(tasks.tolist()):
            torch.testing.assert_close(scores[row], model(images[row : row + 1], task)[0])
        assert torch.allclose(scores, model(images, 0), atol=1e-6) is one_head

    @pytest.mark.parametrize(("network", "side"), [("mlp", 8), ("convnet", 8), ("alexnet", 32)])
    def test_weights_depend_on_the_seed_alone(self, network: str, side: int) -> None:
        def weights(seed: int) -> list[Tensor]:
            torch.manual_seed(torch.seed())
            model = replace(SETUP, seed=seed, network=network, image_shape=(1, side, side)).model()
            assert model(torch.zeros(2, 1, side, side), 2).shape == (2, 4)
            return [parameter.detach() for parameter in model.parameters() if parameter.ndim > 1]

        first, again, other = weights(0), weights(0), weights(1)
        assert all(map(torch.equal, first, again))
        assert not any(map(torch.equal, first, other))

    def test_weights_are_uniform_within_the_bound(self) -> None:
        weight = replace(SETUP, network="mlp").model().body[1].weight.detach()
        assert weight.abs().max() <= 1 / 8
        assert weight.abs().max() > 0.99 / 8
        # Of 6,400 uniform numbers: four standard errors, each sqrt((9 / 5 - 1) / 4 / 6400).
        assert float(weight.std()) == pytest.approx(1 / 8 / math.sqrt(3), rel=0.0224)

    def test_unknown_network(self) -> None:
        with pytest.raises(UsageError, match="no network 'vgg'; known: mlp, convnet, alexnet"):
            ContinualNet("vgg", image_shape=(1, 8, 8), classes=2, heads=1, generator=generator())


@pytest.mark.parametrize(
    "words",
    [{}, {"padding": 1}, {"stride": 2}, {"dilation": 2}, {"padding": (1, 2), "stride": (2, 1), "dilation": (1, 2)}],
    ids=str,
)
def test_patches_times_weight_is_the_convolution(words: dict[str, int]) -> None:
    layer = nn.Conv2d(3, 4, (3, 2), bias=False, **words)  # type: ignore[arg-type]
    images = torch.randn(2, 3, 9, 8, generator=generator())
    unfolded = patches(layer, images)
    expected = F.conv2d(images, layer.weight, **words)  # type: ignore[arg-type]
    assert unfolded.shape == (2, 18, expected[0, 0].numel())
    torch.testing.assert_close((layer.weight.flatten(1) @ unfolded).view_as(expected), expected)


class TestLearner:
    def test_shared_layers(self) -> None:
        several = SequentialForgettingLearner(SETUP)
        assert several.shared_layers() == [m for m in several.model.body if isinstance(m, nn.Conv2d | nn.Linear)]
        assert len(several.shared_layers()) == 3
        one = SequentialForgettingLearner(replace(SETUP, one_head=True, network="mlp"))
        assert one.shared_layers() == [one.model.body[1], one.model.body[3], one.model.heads[0]]

    def test_what_a_method_may_hook_into(self) -> None:
        events: list[str] = []

        class Noting(SequentialForgettingLearner):
            def before_step(self) -> None:
                events.append("step")

            def consolidate(self, index: int, images: Tensor, labels: Tensor) -> None:
                events.append(f"consolidate {index}")

        learner = Noting(SETUP)
        images, labels = torch.randn(12, 1, 8, 8, generator=generator()), torch.arange(12) % 4
        for index in range(3):
            events.append(f"learn {index}")
            learner.learn(index, images, labels)
        steps = ["step"] * 2 * 3  # two epochs of three minibatches
        assert events == ["learn 0", "consolidate 0", "learn 1", *steps, "consolidate 1", "learn 2", *steps]
        assert learner.predict(1, images).shape == (12, 4)
        assert learner.memory() == 0

    def test_learning_a_task_leaves_the_other_heads_alone(self) -> None:
        learner = SequentialForgettingLearner(SETUP)
        before = [head.weight.detach().clone() for head in learner.model.heads]
        learner.learn(1, torch.randn(12, 1, 8, 8, generator=generator()), torch.arange(12) % 4)
        after = [head.weight for head in learner.model.heads]
        assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, True]

    def test_choose(self) -> None:
        learner = SequentialForgettingLearner(SETUP)
        assert len(set(learner.choose(5, 20).tolist())) == 5
        assert sorted(learner.choose(9, 4).tolist()) == [0, 1, 2, 3]

    def test_gradient_of(self) -> None:
        layer = nn.Linear(2, 1)
        with pytest.raises(AssertionError, match="no backward pass"):
            gradient_of(layer)
        layer(torch.tensor([[3.0, 4.0]])).sum().backward()
        assert gradient_of(layer).tolist() == [[3.0, 4.0]]
