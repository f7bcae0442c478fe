"""The group methods' penalties against slow and obvious forms, and when they must be silent."""

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
from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner, balanced, dummy_gradients
from benchmark.tasks.distribution_shift.rules import ShiftSetup

CLASSES = 3
SETUP = ShiftSetup(
    seed=0, track="distribution_shift.spurious", device_name="cpu", network="batchnorm", image_shape=(3, 8, 8),
    classes=CLASSES, mean=(0.5,) * 3, std=(0.3,) * 3, epochs=4, batch_size=20, learning_rate=0.1, weight_decay=1e-4,
    decay="steps",
)  # fmt: skip
METHODS = ["pgi", "pgi-oracle", "group-balanced", "reweight", "irmv1", "v-rex", "group-dro", "cmmd", "jtt"]


def module(name: str) -> ModuleType:
    return sys.modules[spurious.track.classes[name].__module__]


def batch(count: int = 30) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images, labels, groups and scores, with every class in both groups."""
    rng = generator(0, "batch", count)
    labels, groups = torch.arange(count) % CLASSES, torch.arange(count) // CLASSES % 2
    return torch.rand(count, 3, 8, 8, generator=rng), labels, groups, torch.randn(count, CLASSES, generator=rng)


def begun(name: str, **words: Any) -> Any:
    """A method that has the true groups in use."""
    method = spurious.track.classes[name](SETUP, **words)
    images, labels, groups, _ = batch()
    method.begin(images, labels)
    method.minority, method.grouped = groups, True
    method.step = 1000  # the ramp is over
    method.model.train()
    return method


def gradients(method: Any, loss: Tensor) -> dict[str, Tensor]:
    method.model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in method.model.named_parameters()}


def loss_of(method: Any) -> Tensor:
    images, labels, _, _ = batch()
    loss: Tensor = method.loss(images, labels, torch.arange(len(labels)))
    return loss


class TestPGI:
    def test_penalty_equals_the_literal_one(self) -> None:
        _, labels, groups, scores = batch()
        probabilities = scores.softmax(1)
        expected = torch.zeros(())
        for label in range(CLASSES):
            minority, majority = (probabilities[(labels == label) & (groups == g)].mean(0) for g in (1, 0))
            expected += (minority * (minority / majority).log()).sum() / CLASSES
        torch.testing.assert_close(module("pgi").divergence(probabilities, labels, groups), expected)

    def test_penalty_of_equal_groups_is_0(self) -> None:
        _, labels, _, scores = batch(6)
        twice = torch.cat([scores, scores.flip(0)]).softmax(1)
        groups = torch.arange(2).repeat_interleave(6)
        found = module("pgi").divergence(twice, torch.cat([labels, labels.flip(0)]), groups)
        assert float(found) == pytest.approx(0, abs=1e-7)

    def test_order_inside_groups_does_not_matter(self) -> None:
        _, labels, groups, scores = batch()
        order = torch.randperm(30, generator=generator(0, "order"))
        one = module("pgi").divergence(scores.softmax(1), labels, groups)
        torch.testing.assert_close(
            module("pgi").divergence(scores[order].softmax(1), labels[order], groups[order]), one
        )

    def test_head_feels_the_cross_entropy_alone(self) -> None:
        weighted, plain = begun("pgi", weight=50.0), begun("pgi", weight=0.0)
        with_penalty, without = (gradients(method, loss_of(method)) for method in (weighted, plain))
        assert all(torch.equal(with_penalty[name], without[name]) for name in ("head.weight", "head.bias"))
        assert not torch.allclose(with_penalty["body.0.weight"], without["body.0.weight"])

    def test_body_feels_the_penalty_through_the_head(self) -> None:
        images, labels, groups, _ = batch()
        method = begun("pgi", weight=3.0)
        found = gradients(method, loss_of(method))
        scores = method.model(images)
        divergence = module("pgi").divergence(scores.softmax(1), labels, groups)
        loss = balanced(F.cross_entropy(scores, labels, reduction="none"), groups) + 3 * divergence
        expected = gradients(method, loss)
        torch.testing.assert_close(found["body.0.weight"], expected["body.0.weight"], rtol=1e-3, atol=1e-6)

    def test_weight_0_is_the_balanced_cross_entropy_bit_for_bit(self) -> None:
        assert torch.equal(loss_of(begun("pgi", weight=0.0)), loss_of(begun("group-balanced")))

    def test_weight_grows_over_the_ramp(self) -> None:
        method = begun("pgi", weight=6.0, ramp=3.0)  # two steps per epoch
        method._grouped_at = 10
        weights = []
        for method.step in (10, 11, 15, 16, 99):
            weights.append(method.ramped(6.0))
        assert weights == pytest.approx([1, 2, 6, 6, 6])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("missing", ["minority of a class", "minority", "majority"])
def test_a_missing_group_counts_nothing(name: str, missing: str) -> None:
    method = begun(name)
    images, labels, groups, _ = batch()
    keep = {"minority of a class": (labels != 1) | (groups == 0), "minority": groups == 0, "majority": groups == 1}[
        missing
    ]
    places = keep.nonzero().squeeze(1)
    loss = method.loss(images[keep], labels[keep], places)
    assert bool(loss.isfinite())
    assert all(gradient.isfinite().all() for gradient in gradients(method, loss).values())
    if name in ("pgi", "cmmd", "v-rex") and missing != "minority of a class":
        method.model.load_state_dict(begun(name).model.state_dict())
        plain = F.cross_entropy(method.model(images[keep]), labels[keep])
        assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)


def test_dummy_gradient_equals_autograd() -> None:
    _, labels, groups, scores = batch()
    dummy = torch.ones(CLASSES, requires_grad=True)
    expected = torch.zeros(())
    for group in (0, 1):
        rows = groups == group
        (slope,) = torch.autograd.grad(F.cross_entropy(scores[rows] * dummy, labels[rows]), dummy)
        torch.testing.assert_close(dummy_gradients(scores, labels)[rows].mean(0), slope)
        expected += 0.5 * slope.square().sum()
    torch.testing.assert_close(module("irmv1").penalty(scores, labels, groups), expected)


def test_variance_of_two_risks() -> None:
    risks = torch.tensor([0.3, 1.1])
    found = module("v-rex").variance(risks, torch.tensor([True, True]))
    assert float(found) == pytest.approx(0.25 * 0.8**2)
    assert float(found) == pytest.approx(float(risks.var(unbiased=False)))
    assert float(module("v-rex").variance(risks, torch.tensor([True, False]))) == 0


def test_weights_of_the_groups_stay_on_the_simplex_and_follow_the_risk() -> None:
    weights = torch.tensor([0.5, 0.5])
    for _ in range(50):
        after = module("group-dro").raised(weights, torch.tensor([0.1, 0.9]), 0.1)
        assert float(after.sum()) == pytest.approx(1)
        assert (after >= 0).all()
        assert after[1] > weights[1]
        weights = after
    assert module("group-dro").raised(weights, torch.zeros(2), 0.1).tolist() == pytest.approx(weights.tolist())


def test_dro_draws_half_from_each_group() -> None:
    method = begun("group-dro")
    method.minority = torch.tensor([1, 1, *[0] * 28])
    places = method.halves(20)
    assert method.minority[places].sum() == 10
    method.minority = torch.zeros(30, dtype=torch.int64)
    assert len(method.halves(20)) == 20


class TestDiscrepancy:
    def test_equals_the_literal_one(self) -> None:
        _, labels, groups, _ = batch()
        features = torch.randn(30, 5, generator=generator(0, "features"))

        def kernel(a: Tensor, b: Tensor) -> Tensor:
            squares = (a[:, None] - b[None]).square().sum(2)
            return sum((-squares / (2 * width**2)).exp() for width in (1, 5, 10)).mean() / 3  # type: ignore[union-attr]

        expected = torch.zeros(())
        for label in range(CLASSES):
            a, b = (features[(labels == label) & (groups == group)] for group in (0, 1))
            expected += (kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)) / CLASSES
        torch.testing.assert_close(module("cmmd").discrepancy(features, labels, groups, CLASSES), expected)

    def test_of_equal_sets_is_0(self) -> None:
        features = torch.randn(6, 5, generator=generator(0, "features")).repeat(2, 1)
        labels, groups = (torch.arange(6) % 3).repeat(2), torch.arange(2).repeat_interleave(6)
        assert float(module("cmmd").discrepancy(features, labels, groups, 3)) == pytest.approx(0, abs=1e-6)


def test_reweighting_is_the_weighted_mean() -> None:
    images, labels, groups, _ = batch()
    method = begun("reweight", weight=4.0)
    losses = F.cross_entropy(method.model(images), labels, reduction="none").detach()
    expected = (losses[groups == 1].sum() + losses[groups == 0].sum() / 5) / (15 + 15 / 5)
    method.model.load_state_dict(begun("reweight").model.state_dict())
    torch.testing.assert_close(loss_of(method).detach(), expected)


class TestSchedule:
    def test_reference_epochs_are_plain_then_groups_come_into_use(self) -> None:
        images, labels, _, _ = batch()
        method: Any = spurious.track.classes["pgi"](SETUP, reference_steps=3)  # two steps per epoch
        plain: Any = spurious.track.classes["erm"](SETUP)
        for learner in (method, plain):
            learner.begin(images, labels)
            learner.epoch(0)
            learner.epoch(1)
        assert not method.grouped
        assert method.groups().numel() == 0
        same = zip(method.model.parameters(), plain.model.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in same)
        method.epoch(2)
        assert method.grouped
        assert method.groups().shape == (30,)
        method.begin(images, labels)
        assert not method.grouped

    def test_half_of_the_epochs_at_most_go_to_the_reference(self) -> None:
        images, labels, groups, _ = batch()
        method: Any = spurious.track.classes["pgi-oracle"](SETUP, reference_steps=10**6)
        method.begin(images, labels)
        method.reveal(groups)
        for index in range(3):
            assert not method.grouped
            method.epoch(index)
        assert method.grouped
        assert torch.equal(method.groups(), groups)

    def test_inference_leaves_the_network_alone(self) -> None:
        images, labels, _, _ = batch()
        method = SpuriousGroupLearner(replace(SETUP, epochs=9))
        method.begin(images, labels)
        method.epoch(0)
        before = {name: value.clone() for name, value in method.model.state_dict().items()}
        groups = method.infer()
        assert all(torch.equal(before[name], value) for name, value in method.model.state_dict().items())
        assert torch.equal(groups, method.infer())
        assert set(groups.tolist()) <= {0, 1}
