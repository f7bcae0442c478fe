"""Backbones that turn images into features for a linear head: the Conv-4 of the few-shot literature."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmark.learning.models.weights import initialise


class Backbone(nn.Module):
    """Per width a 3x3 convolution, batch-norm, ReLU and 2x2 max-pooling while there are pixels to pool; then the mean.

    Vinyals et al. 2016 (arXiv:1606.04080, section 4.1.1), with the mean over places for features, so that their number
    does not depend on the size of the images. Features are not negative.

    Attributes: body, images (n, c, h, w) -> features (n, widths[-1]);  head, features -> scores (n, classes)
    """

    def __init__(
        self, channels: int, size: int, widths: Sequence[int], classes: int, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            if size >= 4:  # a smaller map is all context already
                layers.append(nn.MaxPool2d(2))
                size //= 2
            channels = width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(channels, classes)
        initialise(self, generator)

    def forward(self, images: Tensor) -> Tensor:
        """images: (n, c, h, w) -> scores (n, classes)."""
        scores: Tensor = self.head(self.body(images))
        return scores
