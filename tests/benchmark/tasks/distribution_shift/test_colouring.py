"""Colours of coloured shapes: the palette, the scheme of training, and the tests that break it."""

from __future__ import annotations

import pytest
import torch

from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import colouring

CLASSES = pytest.mark.parametrize("classes", [2, 3, 9, 10])


@CLASSES
def test_palette(classes: int) -> None:
    colours = colouring.palette(classes)
    again = colouring.palette(classes)
    assert torch.equal(colours.new, again.new)
    assert colours.bias.shape == (classes, 3)
    assert colours.unbiasing.shape == colours.new.shape == (10, 3)
    everything = torch.cat([colours.bias, colours.unbiasing, colours.new])
    assert 0 <= float(everything.min()) <= float(everything.max()) <= 1
    assert float(everything.amax(1).min()) > 0.25  # visible on black
    squares = torch.cdist(255 * everything.double(), 255 * everything.double()).square()
    others = squares + torch.eye(len(everything)) * 1e9
    assert float(others[classes:].min()) > 2500  # unbiasing and new colours: from the bias colours and each other
    assert float(others[:classes, :classes].min()) > 2500


def test_coloured() -> None:
    shapes = torch.rand(2, 1, 4, 4, generator=generator(0, "shapes"))
    colours = torch.tensor([[1.0, 0.5, 0.0], [0.2, 0.3, 0.4]])
    found = colouring.coloured(shapes, colours)
    assert found.shape == (2, 3, 4, 4)
    for image, shape, colour in zip(found, shapes, colours, strict=True):
        for channel, value in zip(image, colour, strict=True):
            torch.testing.assert_close(channel, shape[0] * value)


@pytest.mark.parametrize("side", [8, 14, 32])
def test_grounded(side: int) -> None:
    objects = torch.full((2, 3, side, side), 0.5)
    colours = torch.tensor([[1.0, 0.0, 0.2], [0.2, 0.3, 0.4]])
    found = colouring.grounded(objects, colours)
    assert found.shape == objects.shape
    inside = (found - 0.5).abs().amax(1) < 1e-6
    assert torch.equal(inside[0], inside[1])
    inner = 3 * side // 4
    edge = (side - inner) // 2
    expected = torch.zeros(side, side, dtype=torch.bool)
    expected[edge : edge + inner, edge : edge + inner] = True
    assert torch.equal(inside[0], expected)
    torch.testing.assert_close(found[:, :, ~expected], colours[:, :, None].expand(-1, -1, int((~expected).sum())))


class TestSchemes:
    labels = torch.arange(9).repeat(500)
    colours = colouring.palette(9)

    def place(self, chosen: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """Index of each colour in the list, or -1."""
        same = (chosen[:, None] == among).all(2)
        return torch.where(same.any(1), same.int().argmax(1), -1)

    @pytest.mark.parametrize("bias", [0.0, 0.8, 1.0])
    def test_training(self, bias: float) -> None:
        chosen, groups = colouring.biased(self.labels, self.colours, bias=bias, rng=generator(0, "scheme"))
        assert float((groups == 0).double().mean()) == pytest.approx(bias, abs=0.02)
        own = self.place(chosen, self.colours.bias)
        assert torch.equal(own[groups == 0], self.labels[groups == 0])
        assert (own[groups == 1] == -1).all()
        minority = self.place(chosen[groups == 1], self.colours.unbiasing)
        assert (minority >= 0).all()
        if bias == 0.8:
            assert minority.unique().numel() == 10

    def test_new_colours(self) -> None:
        chosen = colouring.drawn(self.colours.new, 500, rng=generator(0, "new"))
        assert sorted(self.place(chosen, self.colours.new).unique().tolist()) == list(range(10))

    def test_swapped_is_never_the_own_colour(self) -> None:
        chosen = colouring.swapped(self.labels, self.colours, rng=generator(0, "swapped"))
        owner = self.place(chosen, self.colours.bias)
        assert (owner >= 0).all()
        assert (owner != self.labels).all()
        counts = torch.bincount(owner[self.labels == 0], minlength=9)[1:]
        assert int(counts.min()) > 30  # of 500 / 8
