"""The standard detectors by name."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.large import NAMES, TorchvisionDetector
from benchmark.tasks.small_objects.network import Network
from benchmark.tasks.small_objects.pyramid import PyramidDetector


def build(
    name: str, classes: int, *, mean: Sequence[float], std: Sequence[float], generator: torch.Generator, weights: str
) -> Network:
    """A detector with its initial weights, drawn from the generator or read from a file if `weights` names one.

    Raises UsageError for an unknown name, and DataError for weights that do not fit.
    """
    if name in ("small", "residual"):
        return PyramidDetector(
            classes,
            mean=mean,
            std=std,
            widths=(8, 16, 32) if name == "small" else (16, 32, 64),
            residual=name == "residual",
            generator=generator,
        )
    if name in NAMES:
        return TorchvisionDetector(name, classes, mean=mean, std=std, generator=generator, weights=weights)
    raise UsageError(f"no network {name!r}; known: small, residual, {', '.join(NAMES)}")
