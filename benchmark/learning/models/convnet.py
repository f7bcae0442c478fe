"""Convolutional networks: a small one for the quick and standard tiers, and GPM's AlexNet-like one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def convnet(shape: tuple[int, int, int], channels: Sequence[int], hidden: int) -> tuple[nn.Sequential, int]:
    """Per entry of `channels` a 3x3 convolution, ReLU and 2x2 max-pooling; then one hidden linear layer. No biases.

    Returns the body, (batch, *shape) -> (batch, hidden), and the width of its output.
    """
    inputs, height, width = shape
    layers: list[nn.Module] = []
    for outputs in channels:
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2)]
        inputs, height, width = outputs, height // 2, width // 2
    layers += [nn.Flatten(), nn.Linear(inputs * height * width, hidden, bias=False), nn.ReLU()]
    return nn.Sequential(*layers), hidden


def alexnet(shape: tuple[int, int, int]) -> tuple[nn.Sequential, int]:
    """The AlexNet-like network of GPM for 32x32 images (Saha et al. 2021, appendix C.2), without biases.

    Convolutions 64@4x4, 128@3x3, 256@2x2, each with batch-norm, ReLU, dropout (.2, .2, .5) and 2x2 max-pooling; two
    linear layers of 2048 with batch-norm, ReLU and dropout .5. Unlike the released code, batch-norm keeps running
    statistics: see the rules of the `forgetting` task.

    Returns the body, (batch, *shape) -> (batch, 2048), and the width of its output.
    """
    layers: list[nn.Module] = []
    inputs = shape[0]
    for outputs, kernel, dropout in ((64, 4, 0.2), (128, 3, 0.2), (256, 2, 0.5)):
        layers += [nn.Conv2d(inputs, outputs, kernel, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.Dropout(dropout), nn.MaxPool2d(2)]
        inputs = outputs
    layers.append(nn.Flatten())
    with torch.no_grad():
        inputs = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[1]
    for _ in range(2):
        layers += [nn.Linear(inputs, 2048, bias=False), nn.BatchNorm1d(2048), nn.ReLU(), nn.Dropout(0.5)]
        inputs = 2048
    return nn.Sequential(*layers), inputs
