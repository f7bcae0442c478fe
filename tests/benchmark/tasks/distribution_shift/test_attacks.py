"""Attacks stay inside the ball, grow with effort, and leave the model as they found it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import attacks
from benchmark.tasks.distribution_shift.network import Classifier

RADII = pytest.mark.parametrize("radius", [0.0, 0.01, 0.1, 1.0])


def model(network: str = "batchnorm") -> Classifier:
    found = Classifier(
        network, image_shape=(1, 8, 8), classes=4, mean=(0.5,), std=(0.3,), generator=generator(0, "weights")
    )
    return found.eval()


def images(count: int = 20) -> Tensor:
    return torch.rand(count, 1, 8, 8, generator=generator(0, "images"))


def pgd(net: Classifier, radius: float, steps: int = 10, restarts: int = 2, labels: Tensor | None = None) -> Tensor:
    rng = generator(0, "attack")
    return attacks.pgd(net, images(), radius, steps=steps, restarts=restarts, generator=rng, labels=labels)


def losses(net: Classifier, points: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return F.cross_entropy(net(points), labels, reduction="none")


@RADII
@pytest.mark.parametrize("kind", ["fgsm", "pgd"])
def test_inside_the_ball_and_the_unit_cube(kind: str, radius: float) -> None:
    moved = attacks.fgsm(model(), images(), radius) if kind == "fgsm" else pgd(model(), radius)
    assert float((moved - images()).abs().max()) <= radius + 1e-6
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
    if radius == 0:
        assert torch.equal(moved, images())


def test_fgsm_is_one_step_of_the_sign() -> None:
    net, point = model(), images().requires_grad_()
    answer = net(point).argmax(1)
    F.cross_entropy(net(point), answer, reduction="sum").backward()
    assert point.grad is not None
    expected = (point + 0.03 * point.grad.sign()).clamp(0, 1).detach()
    torch.testing.assert_close(attacks.fgsm(net, images(), 0.03), expected)


def test_pgd_finds_a_higher_loss_than_the_image_and_than_fgsm() -> None:
    net = model()
    answer = net(images()).argmax(1)
    clean, fgsm, few, many = (
        losses(net, points, answer)
        for points in (images(), attacks.fgsm(net, images(), 0.1), pgd(net, 0.1, restarts=1), pgd(net, 0.1, restarts=4))
    )
    assert (few >= clean).all()
    assert few.mean() >= fgsm.mean() - 1e-6
    assert (many >= few - 1e-6).all()
    assert fgsm.mean() > clean.mean()


def test_of_a_linear_model_fgsm_is_the_worst_point_and_pgd_finds_it() -> None:
    weight = torch.randn(64, 2, generator=generator(0, "linear"))
    centre = 0.5 + 0.1 * (images() - 0.5)  # away from the cube's walls

    def linear(points: Tensor) -> Tensor:
        return points.flatten(1) @ weight

    answer = linear(centre).argmax(1)
    direction = (weight[:, 1] - weight[:, 0]).sign() * (1 - 2 * answer)[:, None]
    worst = centre + 0.05 * direction.view_as(centre)
    found = attacks.fgsm(linear, centre, 0.05)
    torch.testing.assert_close(found, worst)
    many = attacks.pgd(linear, centre, 0.05, steps=10, restarts=1, generator=generator(0, "attack"))
    torch.testing.assert_close(many, worst)


def test_labels_replace_the_models_answers() -> None:
    net = model()
    labels = (net(images()).argmax(1) + 1) % 4
    assert losses(net, pgd(net, 0.1, labels=labels), labels).mean() > losses(net, images(), labels).mean()


@pytest.mark.parametrize("network", ["mlp", "convnet", "batchnorm"])
def test_the_model_is_left_alone(network: str) -> None:
    net = model(network)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    attacks.fgsm(net, images(), 0.1)
    with torch.no_grad():
        pgd(net, 0.1)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not net.training


def test_seeded() -> None:
    assert torch.equal(pgd(model(), 0.1), pgd(model(), 0.1))
