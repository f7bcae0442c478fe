"""What every detector of the task offers to its learner."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

Found = tuple[Tensor, Tensor, Tensor]
"""Boxes (k, 4), labels (k,), scores (k,) of one image."""


class Network(nn.Module, ABC):
    """A detector as the learner trains it. Images are float, in [0, 1]; standardising is part of it.

    halvings: how often the side is halved on the way to the coarsest map.
    """

    halvings: int

    @abstractmethod
    def loss(self, images: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """Loss of images (n, 3, h, w) with boxes (n, k, 4) and labels (n, k), -1 where an image has fewer."""

    @abstractmethod
    def found(self, images: Tensor, most: int) -> list[Found]:
        """What is in each image: up to `most` boxes with labels and scores, the highest first."""

    @abstractmethod
    def levels(self, images: Tensor) -> list[Tensor]:
        """Maps (n, c, h, w) of some layers, from the input to the deepest, without what lies outside of the image."""

    @property
    @abstractmethod
    def body(self) -> nn.Module:
        """Its convolutions from the image to the deepest map."""
