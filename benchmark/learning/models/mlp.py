"""Multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def mlp(inputs: int, widths: Sequence[int], *, bias: bool) -> tuple[nn.Sequential, int]:
    """Flatten, then linear layers of the given widths, each with a ReLU.

    Returns the body, (batch, ...) -> (batch, widths[-1]), and the width of its output.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for width in widths:
        layers += [nn.Linear(inputs, width, bias=bias), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers), inputs
