"""Answers to a constant image, fill by fill, and lopsided kernels."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.borders.filling import COPIES
from benchmark.tasks.small_objects.borders.probes import artefact, constant_response, kernel_asymmetry

EPS = torch.finfo(torch.float64).eps


def network(fill: str, *, bias: bool = True) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for into, out, stride in [(3, 8, 2), (8, 8, 1), (8, 16, 2), (16, 16, 1)]:
        layers += [nn.Conv2d(into, out, 3, stride, 1, bias=bias), nn.BatchNorm2d(out), nn.ReLU()]
    return repad(nn.Sequential(*layers).double(), fill)


def artefacts(fill: str, size: int = 32, *, bias: bool = True) -> list[float]:
    return [each.artefact for each in constant_response(network(fill, bias=bias), size, 0.5)]


@pytest.mark.parametrize("fill", COPIES)
@pytest.mark.parametrize("size", [32, 33])
def test_copies_leave_none(fill: str, size: int) -> None:
    """All cells sum the same numbers; a machine may order the sums of some otherwise: n roundings of n terms each.

    Relative to the response: of at most 16 x 9 terms, in 4 layers, where the sum of |terms| is at most 50 times it.
    """
    assert max(artefacts(fill, size)) <= 50 * 4 * 144 * EPS


def test_stretching_leaves_none_but_rounding() -> None:
    """Of distribution padding's own: shares of two equal cells that add up to 1, rounded."""
    assert max(artefacts("distribution")) <= 2 * 50 * 4 * 144 * EPS


def test_zeros_and_partial_convolutions_leave_lines() -> None:
    """Making up for zeros is right in the mean over kernels alone: a kernel whose taps differ answers otherwise with
    some of them, whatever the factor; equal taps would be made up for exactly. What is nothing to start with stays
    nothing: without biases, a black image leaves no artefact with any fill."""
    zero, partial = artefacts("zero"), artefacts("partial")
    assert min(zero) > 0.05
    assert min(partial) > 0.05
    equal = repad(nn.Conv2d(1, 1, 3, padding=1).double(), "partial")
    nn.init.ones_(equal.weight)
    assert constant_response(equal, 8, 0.5)[0].artefact <= 18 * EPS
    assert [each.artefact for each in constant_response(network("zero", bias=False), 32, 0.0)] == [0.0] * 4


def test_the_first_layer_of_a_black_image_answers_evenly_and_the_second_does_not() -> None:
    """Biases meet zeros: nothing after the first layer, a line of one cell after the second (section 2)."""
    first, second = constant_response(network("zero"), 32, 0.0)[:2]
    assert first.artefact == 0
    assert second.artefact > 0.05
    inner = second.map[1:-1, 1:-1]
    assert float((inner - inner[0, 0]).abs().max()) <= 72 * EPS
    assert second.map.shape == (16, 16)


def test_modes_and_hooks_are_as_before() -> None:
    model = network("zero").train()
    model[1].eval()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    assert [each.name for each in constant_response(model, 16, 1.0)] == ["0", "3", "6", "9"]
    assert (model.training, model[1].training, model[4].training) == (True, False, True)
    assert not any(each._forward_hooks for each in model.modules())
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())


def test_the_artefact_by_hand() -> None:
    response = torch.tensor([[3.0, 3.0, 0.0], [3.0, 3.0, 3.0]]).repeat(2, 1, 1)
    response[1] *= 4 / 3
    assert artefact(response) == pytest.approx(5 / 5)
    assert artefact(torch.tensor([[[1.0, 0.0, 1.0]]])) == float("inf")
    assert artefact(torch.zeros(2, 3, 3)) == 0


@pytest.mark.parametrize("fill", ["zero", "symmetric"])
def test_a_whole_network(fill: str) -> None:
    found = constant_response(repad(torchvision.models.resnet18(weights=None).double(), fill), 65, 0.5)
    assert len(found) == 20
    assert (max(each.artefact for each in found) > 0.1) == (fill == "zero")


def test_lopsided_kernels() -> None:
    model = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, (1, 4)))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0, -3.0], [0.0, 5.0, 0.0], [1.0, 0.0, 1.0]]).expand(2, 2, 3, 3))
        model[2].weight.copy_(torch.tensor([[1.0, 0.0, 1.0, 2.0]]).expand(2, 2, 1, 4))
    square, flat = kernel_asymmetry(model)
    assert (square.name, flat.name) == ("0", "2")
    assert square.map.tolist() == [[1, 2, 3], [0, 5, 0], [1, 0, 1]]
    assert square.left_right == pytest.approx((2 - 4) / 6)
    assert square.top_bottom == pytest.approx((6 - 2) / 8)
    assert (flat.left_right, flat.top_bottom) == (pytest.approx((1 - 3) / 4), 0.0)
