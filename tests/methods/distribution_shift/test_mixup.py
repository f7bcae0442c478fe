"""mixup and the plain regularisers against what they are said to be."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import adversarial
from benchmark.tasks.distribution_shift.rules import ShiftSetup

SETUP = ShiftSetup(
    seed=0, track="distribution_shift.adversarial", device_name="cpu", network="convnet", image_shape=(1, 8, 8),
    classes=4, mean=(0.5,), std=(0.3,), epochs=2, batch_size=16, learning_rate=0.05, weight_decay=1e-4, decay="cosine",
)  # fmt: skip


def data(count: int = 40) -> tuple[Tensor, Tensor]:
    rng = generator(0, "images", count)
    return torch.rand(count, 1, 8, 8, generator=rng), torch.randint(4, (count,), generator=rng)


def begun(name: str, setup: ShiftSetup = SETUP, **words: Any) -> Any:
    method = adversarial.track.classes[name](setup, **words)
    method.begin(*data())
    return method


def trained(name: str, **words: Any) -> list[Tensor]:
    method = begun(name, **words)
    method.epoch(0)
    method.epoch(1)
    return [parameter.detach() for parameter in method.model.parameters()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def module() -> ModuleType:
    return sys.modules[adversarial.track.classes["mixup"].__module__]


@pytest.mark.parametrize(
    ("name", "nothing"),
    [
        ("mixup", {"alpha": 0.0}),
        ("manifold-mixup", {"alpha": 0.0}),
        ("label-smoothing", {"smoothing": 0.0}),
        ("weight-decay", {"weight_decay": SETUP.weight_decay}),
        ("adversarial-training", {}),
        ("sam", {"rho": 0.0}),
    ],
)
def test_with_nothing_to_add_it_is_erm_bit_for_bit(name: str, nothing: dict[str, float]) -> None:
    if name == "adversarial-training":  # no radius; its attack draws from the generator of minibatch orders
        images, labels = data(16)
        plain, method = begun("erm"), begun(name, **nothing)
        one, other = (learner.loss(images, labels, torch.arange(16)) for learner in (plain, method))
        assert torch.equal(one, other)
        return
    assert same(trained(name, **nothing), trained("erm"))
    assert not same(trained(name), trained("erm"))


def test_two_term_loss_equals_cross_entropy_with_mixed_labels() -> None:
    rng = generator(0, "scores")
    scores, labels = torch.randn(16, 4, generator=rng), data(16)[1]
    others = labels.flip(0)
    soft = 0.3 * F.one_hot(labels, 4) + 0.7 * F.one_hot(others, 4)
    torch.testing.assert_close(module().mixed_loss(scores, labels, others, 0.3), F.cross_entropy(scores, soft))


def test_mixed_images_are_between_their_partners() -> None:
    images, _ = data(4)
    partners = torch.tensor([1, 0, 3, 2])
    torch.testing.assert_close(module().mixed(images, partners, 0.2), 0.2 * images + 0.8 * images[partners])
    assert torch.equal(module().mixed(images, partners, 1.0), images)


def test_hard_labels_with_another_distribution_of_shares_give_the_same_loss() -> None:
    """Zhang et al. 2021, lemma 3.1: mixed labels, lam ~ Beta(1, 1), equal hard labels with lam ~ Beta(2, 1)."""
    rng = generator(0, "lemma")
    images, labels = data(200)
    weight = torch.randn(64, 4, generator=rng) / 4
    draws = 4000

    def loss(mixing: Tensor) -> tuple[Tensor, Tensor]:
        """Losses for the label of the first and of the second partner."""
        first, second = (torch.randint(200, (draws,), generator=rng) for _ in range(2))
        flat = images.flatten(1)
        scores = (mixing[:, None] * flat[first] + (1 - mixing)[:, None] * flat[second]) @ weight
        own, other = (F.cross_entropy(scores, labels[rows], reduction="none") for rows in (first, second))
        return own, other

    uniform = torch.rand(draws, generator=rng)
    own, other = loss(uniform)
    soft = uniform * own + (1 - uniform) * other
    hard, _ = loss(torch.rand(draws, generator=rng).sqrt())  # Beta(2, 1)
    error = float((soft.var() + hard.var()).sqrt()) / draws**0.5
    assert abs(float(soft.mean() - hard.mean())) < 4 * error


def test_manifold_mixup_enters_every_layer_of_the_body() -> None:
    images, _ = data(16)
    partners = torch.arange(16).flip(0)
    method = begun("manifold-mixup")
    model = method.model.eval()
    found = [method.mixed_scores(images, partners, 0.3) for _ in range(40)]
    by_input = model(module().mixed(images, partners, 0.3))
    by_hidden = []
    for place in (3, 7):  # second convolution, hidden layer
        inputs = model.body[:place]((images - model.mean) / model.std)
        by_hidden.append(model.head(model.body[place:](module().mixed(inputs, partners, 0.3))))
    expected = [by_input, *by_hidden]
    hits = [[torch.allclose(scores, each, atol=1e-5) for each in expected] for scores in found]
    assert all(any(hit) for hit in hits)
    assert all(any(hit[place] for hit in hits) for place in range(3))
    assert not any(layer._forward_pre_hooks for layer in model.modules())


def test_label_smoothing_spreads_a_tenth_over_all_classes() -> None:
    images, labels = data(16)
    method = begun("label-smoothing", smoothing=0.1)
    target = 0.9 * F.one_hot(labels, 4) + 0.1 / 4
    expected = F.cross_entropy(method.model(images), target)
    torch.testing.assert_close(method.loss(images, labels, torch.arange(16)), expected)


def test_adversarial_training_trains_on_images_in_the_ball() -> None:
    images, labels = data(16)
    method = begun("adversarial-training", replace(SETUP, radius=0.1))
    seen: list[Tensor] = []
    method.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    method.model.train()
    method.loss(images, labels, torch.arange(16))
    assert method.model.training
    assert 0.05 < float((seen[-1] - images).abs().max()) <= 0.1 + 1e-6
    assert all(parameter.grad is None for parameter in method.model.parameters())
