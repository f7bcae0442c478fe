"""Methods of `corruption` on a small network that was never trained, and what they do to it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.learning.models.resnet import ResNet
from benchmark.seeding import generator
from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup

CLASSES = 5
SETUP = AdaptationSetup(
    seed=0, track=corruption.track.name, device_name="cpu", image_shape=(3, 8, 8), classes=CLASSES, widths=(8, 16),
    blocks=1, mean=(0.5,) * 3, std=(0.3,) * 3, batch_size=10,
)  # fmt: skip
STEPPING = ["tent", "tent-fast", "pseudo-label", "eata", "sar"]
BY_SOURCE = ["source", "oracle"]
EVERY = [*STEPPING, *BY_SOURCE, "batch-norm", "batch-norm-mixed", "memo"]


def module(name: str) -> ModuleType:
    return sys.modules[corruption.track.classes[name].__module__]


def batch(count: int = 10, *path: int) -> Tensor:
    return torch.rand(count, 3, 8, 8, generator=generator(0, "batch", *path))


def trained(norm: str = "batch") -> ResNet:
    """A network with statistics and scales of its own, and scores far enough apart to be sure of some answers."""
    model = ResNet(3, (8, 16), CLASSES, blocks=1, mean=(0.5,) * 3, std=(0.3,) * 3, generator=generator(1), norm=norm)
    rng = generator(2)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.copy_(torch.randn(layer.num_features, generator=rng) * 0.1)  # type: ignore[union-attr]
                layer.running_var.copy_(torch.rand(layer.num_features, generator=rng) + 0.5)  # type: ignore[union-attr]
                layer.weight.copy_(torch.rand(layer.num_features, generator=rng) + 0.5)
        model.head.weight *= 12
    return model.eval()


def begun(name: str, **words: Any) -> Any:
    method: Any = corruption.track.classes[name](SETUP, **words)
    method.begin(trained().state_dict(), batch(40, 9))
    return method


def state(method: Any) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in method.model.state_dict().items() if "num_batches" not in name}


def changed(method: Any, before: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in state(method).items() if not torch.equal(tensor, before[name])}
