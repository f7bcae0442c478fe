"""Residual networks for small images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.learning.models.weights import initialise


class ResNet(nn.Module):
    """A residual network as for CIFAR (He et al. 2016, arXiv:1512.03385, section 4.2), with shortcuts of type B.

    A convolution, then per width `blocks` pairs of them with a shortcut, at half the side from the second width on;
    the mean over places, and a linear layer. Images are raw, in [0, 1]: standardising by mean and std, per channel, is
    part of the network. Unlike the paper's, the first convolution (4x4) halves the side: a quarter of the work for the
    rest.  norm: "batch", "group" (of 8 channels or fewer), or "none".
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        classes: int,
        *,
        blocks: int,
        mean: Sequence[float],
        std: Sequence[float],
        generator: torch.Generator,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        halving = nn.Conv2d(channels, widths[0], 4, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(halving, _norm(norm, widths[0]), nn.ReLU())
        layers = []
        inputs = widths[0]
        for place, width in enumerate(widths):
            for block in range(blocks):
                layers.append(_Block(inputs, width, 2 if place and not block else 1, norm))
                inputs = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, classes)
        initialise(self, generator)

    def forward(self, images: Tensor) -> Tensor:
        """images: (n, c, h, w) -> scores (n, classes)."""
        features = self.layers(self.stem((images - self.mean) / self.std)).mean((2, 3))
        scores: Tensor = self.head(features)
        return scores


class _Block(nn.Module):
    """relu(shortcut(x) + norm(convolution(relu(norm(convolution(x))))))."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(inputs, outputs, 3, stride),
            _norm(norm, outputs),
            nn.ReLU(),
            _convolution(outputs, outputs, 3, 1),
            _norm(norm, outputs),
        )
        same = inputs == outputs and stride == 1
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(_convolution(inputs, outputs, 1, stride), _norm(norm, outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.body(x))


def _convolution(inputs: int, outputs: int, side: int, stride: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, side, stride=stride, padding=side // 2, bias=False)


def _norm(norm: str, width: int) -> nn.Module:
    if norm == "batch":
        return nn.BatchNorm2d(width)
    if norm == "group":
        return nn.GroupNorm(max(1, width // 8), width)
    if norm == "none":
        return nn.Identity()
    raise UsageError(f"no norm {norm!r}; known: batch, group, none")
