"""Classifiers with a body and a linear head, by name, for tracks that compare ways of training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.learning.models.backbone import Backbone
from benchmark.learning.models.convnet import convnet
from benchmark.learning.models.mlp import mlp
from benchmark.learning.models.weights import initialise


class Classifier(nn.Module):
    """head(body(standardised images)). Images are raw, in [0, 1]: standardising is part of the network, so that an
    attack's radius means the same for every method.

    Attributes: body (standardised images -> features (n, width)), head (features -> scores), width.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: str,
        *,
        image_shape: tuple[int, int, int],
        classes: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        channels, size, _ = image_shape
        if network == "mlp":
            self.body, self.width = mlp(math.prod(image_shape), (128, 128), bias=True)
        elif network == "convnet":
            self.body, self.width = convnet(image_shape, (16, 32), 100)
        elif network == "batchnorm":
            self.body, self.width = Backbone(channels, size, (16, 32, 64), classes, generator=generator).body, 64
        else:
            raise UsageError(f"no network {network!r}; known: mlp, convnet, batchnorm")
        self.head = nn.Linear(self.width, classes)
        initialise(self, generator)

    def features(self, images: Tensor) -> Tensor:
        """Features (n, width) of raw images (n, c, h, w)."""
        found: Tensor = self.body((images - self.mean) / self.std)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Scores (n, classes) of raw images (n, c, h, w)."""
        scores: Tensor = self.head(self.features(images))
        return scores
