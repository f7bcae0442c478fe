"""Counts of paths: the textbook's, and those of a stack at an uneven and at an even size."""

from __future__ import annotations

import math

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.borders.foveation import edges, foveation, middle

STRIDES = (2, 1, 2, 1, 2, 1)
LEFT_RIGHT = {
    ("zero", 64): (0.47, 0.15), ("zero", 65): (0.51, 0.51),
    ("reflect", 64): (1.21, 0.22), ("reflect", 65): (1.34, 1.34),
    ("replicate", 64): (1.77, 0.44), ("replicate", 65): (1.96, 1.96),
    ("circular", 64): (1.00, 1.00), ("circular", 65): (1.96, 1.96),
    ("none", 64): (0.01, 0.00),
}  # fmt: skip
"""Six 3x3 layers of strides 2, 1, 2, 1, 2, 1: mean count of the outer 4 columns over all rows, in parts of the mean
count of the middle 8x8 cells."""
CORNERS = {"zero": 0.30, "reflect": 1.46, "replicate": 3.13}
"""The upper left 4x4 cells at 64."""


def stack(fill: str, width: int = 1) -> nn.Module:
    layers: list[nn.Module] = []
    for index, stride in enumerate(STRIDES):
        layers += [nn.Conv2d(width if index else 1, width, 3, stride, 1), nn.BatchNorm2d(width), nn.ReLU()]
    return repad(nn.Sequential(*layers), fill)


@pytest.mark.parametrize(("fill", "size"), LEFT_RIGHT)
def test_the_outer_columns_of_a_stack(fill: str, size: int) -> None:
    paths = foveation(stack(fill), size)
    found = edges(paths)
    assert (round(found.left, 2), round(found.right, 2)) == LEFT_RIGHT[fill, size]
    assert (found.top, found.bottom) == pytest.approx((found.left, found.right))
    assert float(middle(paths)) == pytest.approx(1)
    assert (found.left, found.right) == pytest.approx(
        (
            float(paths[:, :4].mean() / paths[28:36, 28:36].mean()),
            float(paths[:, -4:].mean() / paths[28:36, 28:36].mean()),
        )
        if size == 64
        else (found.right, found.left)
    )
    if size == 64 and fill in CORNERS:
        assert round(float(paths[:4, :4].mean()), 2) == CORNERS[fill]
    torch.testing.assert_close(foveation(stack(fill, width=3), size), paths)  # channels are a factor


COUNTS = {  # one 3x3 layer on 5x5 cells: corner, next to it on the edge, second on the diagonal, centre
    "zero": (4, 6, 9, 9), "partial": (None, None, None, 9), "replicate": (9, 9, 9, 9), "symmetric": (9, 9, 9, 9),
    "circular": (9, 9, 9, 9), "reflect": (4, 8, 16, 9), "none": (1, 2, 4, 9),
}  # fmt: skip


@pytest.mark.parametrize("fill", COUNTS)
def test_one_layer(fill: str) -> None:
    """Reflection takes from the rim what it gives to the second ring; no fill at all starves both."""
    paths = foveation(repad(nn.Conv2d(1, 1, 3, padding=1), fill), 5, relative=False)
    found = [float(paths[cell]) for cell in ((0, 0), (0, 1), (1, 1), (2, 2))]
    expected = COUNTS[fill]
    if fill == "partial":  # rows and columns by themselves: responses at the edge count 3 / 2, and 2 or 3 read a cell
        expected = (2.5 * 2.5, 2.5 * 3.5, 3.5 * 3.5, 9)
    assert found == pytest.approx(expected)
    symmetric = paths.transpose(0, 1), paths.flip(0), paths.flip(1)
    assert all(torch.allclose(paths, each) for each in symmetric)


class Functional(nn.Module):
    """Branches, and what a `forward` can do without layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.scale, self.head = nn.Parameter(torch.zeros(1, 4, 1, 1)), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.first(x))
        x = x + self.scale * torch.sigmoid(self.second(x))
        x = F.max_pool2d(x, 2)
        out: Tensor = self.head(F.dropout(x.mean((2, 3)), training=self.training))
        return out


def test_branches_and_functions() -> None:
    model = Functional()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    paths = foveation(model, 8, relative=False)
    ones = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    once = F.conv2d(torch.full((1, 1, 8, 8), 1 / 64, dtype=torch.float64), ones, padding=1)
    twice = F.conv2d(F.conv2d(torch.full((1, 1, 8, 8), 1 / 64, dtype=torch.float64), ones, padding=1), ones, padding=1)
    shape = (once + twice)[0, 0]
    torch.testing.assert_close(paths / paths[4, 4], shape / shape[4, 4])
    assert model.training
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())


def test_max_pooling_counts_as_the_mean_of_its_valid_cells() -> None:
    paths = foveation([nn.Conv2d(1, 1, 1), nn.MaxPool2d(3, 2, 1)], 4, relative=False)
    line = torch.tensor([1 / 2, 1 / 2 + 1 / 3, 1 / 3, 1 / 3], dtype=torch.float64)
    torch.testing.assert_close(paths, torch.outer(line, line))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_networks_see_less_at_the_uneven_side(name: str) -> None:
    model = torchvision.models.get_model(name, weights=None)
    uneven, even = (edges(foveation(model, size)) for size in (224, 225))
    assert uneven.top == pytest.approx(uneven.left)
    assert uneven.bottom == pytest.approx(uneven.right)
    assert uneven.left > 3 * uneven.right
    assert even.top == pytest.approx(even.bottom) == pytest.approx(even.left) == pytest.approx(even.right)


def test_what_has_no_count() -> None:
    with pytest.raises(UsageError, match="paths through attention are not counted"):
        foveation(torchvision.models.swin_t(weights=None), 32)
    with pytest.raises(UsageError, match="no path leads through Constant"):
        foveation(Constant(), 8)
    assert math.isclose(edges(torch.ones(3, 5)).left, 1)


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(3)
