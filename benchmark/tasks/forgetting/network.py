"""The network of the `forgetting` task: a standard body with one head for all tasks or one per task."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.learning.models.convnet import alexnet, convnet
from benchmark.learning.models.mlp import mlp
from benchmark.learning.models.weights import initialise


class ContinualNet(nn.Module):
    """Scores of task `index`: heads[index](body(images)), or the only head's where tasks share one.

    Attributes: body (images -> features), heads (features -> scores, without biases).
    """

    def __init__(
        self,
        network: str,
        *,
        image_shape: tuple[int, int, int],
        classes: int,
        heads: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if network == "mlp":
            self.body, width = mlp(math.prod(image_shape), (100, 100), bias=False)
        elif network == "convnet":
            self.body, width = convnet(image_shape, (16, 32), 64)
        elif network == "alexnet":
            self.body, width = alexnet(image_shape)
        else:
            raise UsageError(f"no network {network!r}; known: mlp, convnet, alexnet")
        self.heads = nn.ModuleList(nn.Linear(width, classes, bias=False) for _ in range(heads))
        initialise(self, generator)
        if network != "mlp":  # convolutions answer as their weights lie, and so pooling small images is twice as fast
            self.to(memory_format=torch.channels_last)

    def head(self, index: int) -> nn.Module:
        """The head that answers for task `index`."""
        return self.heads[min(index, len(self.heads) - 1)]

    def forward(self, images: Tensor, index: int) -> Tensor:
        """images: (n, c, h, w) -> scores (n, classes) of task `index`."""
        scores: Tensor = self.head(index)(self.body(images))
        return scores

    def mixed(self, images: Tensor, tasks: Tensor) -> Tensor:
        """Scores (n, classes) of images (n, c, h, w) that belong to different tasks (n,), each from its own head."""
        features = self.body(images)
        if len(self.heads) == 1:
            scores: Tensor = self.heads[0](features)
            return scores
        every = torch.stack([head(features) for head in self.heads], dim=1)
        return every[torch.arange(len(images), device=images.device), tasks]
