"""SAM against literal steps, and what it must leave alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import label_noise
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup

SETUP = ShiftSetup(
    seed=0, track="distribution_shift.label_noise", device_name="cpu", network="mlp", image_shape=(1, 8, 8), classes=4,
    mean=(0.5,), std=(0.3,), epochs=3, batch_size=16, learning_rate=0.1, weight_decay=5e-4, decay="cosine",
)  # fmt: skip
NETWORKS = pytest.mark.parametrize("network", ["mlp", "convnet", "batchnorm"])
FORMS = pytest.mark.parametrize("name", ["sam", "asam"])


def data(count: int = 40) -> tuple[Tensor, Tensor]:
    rng = generator(0, "images", count)
    return torch.rand(count, 1, 8, 8, generator=rng), torch.randint(4, (count,), generator=rng)


def begun(name: str | None, network: str = "mlp", **words: Any) -> Any:
    setup = replace(SETUP, network=network)
    method = ShiftLearner(setup) if name is None else label_noise.track.classes[name](setup, **words)
    method.begin(*data())
    method.model.train()
    return method


def module() -> ModuleType:
    return sys.modules[label_noise.track.classes["sam"].__module__]


def state(method: Any) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in method.model.state_dict().items()}


def step(method: Any) -> dict[str, Tensor]:
    images, labels = data(16)
    method.update(images, labels, torch.arange(16))
    return state(method)


@NETWORKS
@FORMS
def test_radius_0_is_the_base_optimiser_bit_for_bit(name: str, network: str) -> None:
    plain, sharp = begun(None, network), begun(name, network, rho=0.0)
    for index in range(2):
        plain.epoch(index)
        sharp.epoch(index)
    one, other = state(plain), state(sharp)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


@NETWORKS
def test_perturbation_has_the_length_rho_and_the_gradients_direction(network: str) -> None:
    method = begun("sam", network, rho=0.3)
    images, labels = data(16)
    gradients = torch.autograd.grad(method.loss(images, labels, torch.arange(16)), method.parameters)
    gradient = torch.cat([part.flatten() for part in gradients])
    moved = torch.cat([part.flatten() for part in method.perturbation(gradients)])
    assert float(moved.double().norm()) == pytest.approx(0.3, rel=1e-5)
    assert float(F.cosine_similarity(moved, gradient, 0)) == pytest.approx(1, abs=1e-5)


def test_perturbation_of_asam_has_the_length_rho_in_units_of_the_weights() -> None:
    method = begun("asam", rho=0.7, eta=0.01)
    gradients = tuple(torch.rand(w.shape, generator=generator(0, "g")) for w in method.parameters)
    moved = method.perturbation(gradients)
    sizes = [w.abs() + 0.01 if w.ndim > 1 else torch.ones_like(w) for w in method.parameters]
    length = torch.cat([(e / t).flatten() for e, t in zip(moved, sizes, strict=True)]).norm()
    assert float(length.detach()) == pytest.approx(0.7, rel=1e-5)


@NETWORKS
def test_no_gradient_moves_nothing(network: str) -> None:
    method = begun("sam", network)
    moved = method.perturbation(tuple(torch.zeros_like(weight) for weight in method.parameters))
    assert all(not part.any() for part in moved)


@NETWORKS
def test_step_equals_the_literal_one(network: str) -> None:
    """A copy of the model moved by e in place gives the gradient; SGD without momentum so far applies it at w."""
    sharp, literal = begun("sam", network, rho=0.2), begun(None, network)
    images, labels = data(16)
    before = [parameter.detach().clone() for parameter in literal.model.parameters()]
    F.cross_entropy(literal.model(images), labels).backward()
    length = torch.stack([p.grad.double().square().sum() for p in literal.model.parameters()]).sum().sqrt()
    with torch.no_grad():
        for parameter in literal.model.parameters():
            parameter += 0.2 * parameter.grad / length
    literal.model.zero_grad()
    F.cross_entropy(literal.model(images), labels).backward()
    after = step(sharp)
    for (name, parameter), start in zip(literal.model.named_parameters(), before, strict=True):
        expected = start - SETUP.learning_rate * (parameter.grad + SETUP.weight_decay * start)
        torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-6)


def test_weights_come_back_bit_for_bit() -> None:
    method = begun("sam", rho=0.37)
    before = state(method)
    method.sharp_gradients(*data(16), torch.arange(16))
    assert all(torch.equal(before[key], value) for key, value in state(method).items())


def test_gradient_of_a_quadratic() -> None:
    """L = w^T A w / 2 has the sharpness-aware gradient A (w + rho A w / |A w|)."""
    method = begun("sam", rho=0.5)
    matrix = torch.diag(torch.tensor([3.0, 1.0, 0.2]))
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    method.parameters, method._kept = [weight], [weight.detach().clone()]
    method.loss = lambda *_: 0.5 * weight @ matrix @ weight
    (found,) = method.sharp_gradients(*data(2), torch.arange(2))
    slope = matrix @ weight.detach()
    torch.testing.assert_close(found, matrix @ (weight.detach() + 0.5 * slope / slope.norm()))


def test_running_statistics_are_those_of_one_plain_step() -> None:
    sharp, plain = step(begun("sam", "batchnorm", rho=0.3)), step(begun(None, "batchnorm"))
    names = [name for name in plain if "running" in name or "num_batches" in name]
    assert len(names) == 9
    assert all(torch.equal(sharp[name], plain[name]) for name in names)


def test_statistics_are_kept_again_after_an_error() -> None:
    model = begun("sam", "batchnorm").model
    with pytest.raises(ZeroDivisionError), module().without_statistics(model):
        _ = 1 // 0
    assert all(m.track_running_stats for m in model.modules() if isinstance(m, nn.BatchNorm2d))


class TestParts:
    @FORMS
    def test_one_part_is_the_minibatch(self, name: str) -> None:
        whole, one = step(begun(name, rho=0.2)), step(begun(name, rho=0.2, sharpness_examples=16))
        assert all(torch.equal(whole[key], one[key]) for key in whole)

    def test_parts_are_perturbed_apart_and_their_gradients_averaged(self) -> None:
        method = begun("sam", rho=0.2, sharpness_examples=6)  # parts of 6, 6 and 4
        images, labels = data(16)
        expected = [torch.zeros_like(weight) for weight in method.parameters]
        for rows in torch.arange(16).split(6):
            part = method.sharp_gradients(images[rows], labels[rows], rows)
            expected = [e + len(rows) / 16 * g for e, g in zip(expected, part, strict=True)]
        method.update(images, labels, torch.arange(16))
        for weight, gradient in zip(method.parameters, expected, strict=True):
            torch.testing.assert_close(weight.grad, gradient)

    def test_of_radius_0_give_the_gradient_of_the_minibatch(self) -> None:
        parts, whole = begun("sam", rho=0.0, sharpness_examples=5), begun(None)
        one, other = step(parts), step(whole)
        for key in one:
            torch.testing.assert_close(one[key], other[key])


def test_twice_goes_over_the_data_twice() -> None:
    method = begun("sgd-twice")
    method.epoch(0)
    assert (method.step, method.steps) == (6, 18)
    plain = begun(None)
    plain.epoch(0)
    assert (plain.step, plain.steps) == (3, 9)
