"""Synthetic records of the distribution-shift task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.results.record import MetricValue, Record
from tests.reports.factory import record

TESTS = ("swapped_colours", "in_distribution", "new_colours")
LEVELS = (0.0, 0.2, 0.4, 0.6)
RADII = (0.0, 0.01, 0.03, 0.1)

Curve = dict[str, list[float]]


def spurious(method: str, seed: int = 0, *, accuracy: Sequence[float] = (40, 90, 70), **fields: Any) -> Record:
    """A run with the accuracies of `TESTS` (%), which rise by a point per seed."""
    values = {name: value + seed for name, value in zip(TESTS, accuracy, strict=True)}
    return _record("spurious", method, seed, values, **{"curves": {}, **fields})


def noisy(method: str, seed: int = 0, *, lost: float = 20, sharp: float = 1.0, **fields: Any) -> Record:
    """A run that reaches 90 % at epoch 5 less 50 points per unit of noise, and loses `lost` per unit until epoch 10."""
    rows = [
        (level, epoch, 90 - 50 * level - (lost * level if epoch == 10 else 0.0) - (20 if epoch == 1 else 0) + seed)
        for level in LEVELS
        for epoch in (1.0, 5.0, 10.0)
    ]
    line = [
        (level, distance, 0.05 + level + sharp * distance**2)
        for level in LEVELS
        for distance in np.linspace(-1, 1, 21).tolist()
    ]
    curves = {
        "accuracy": _columns(("noise", "epoch", "accuracy"), rows),
        "loss_line": _columns(("noise", "distance", "loss"), line),
    }
    final = float(np.mean([accuracy for _, epoch, accuracy in rows if epoch == 10]))
    return _record("label_noise", method, seed, {"final_accuracy": final}, **{"curves": curves, **fields})


def attacked(
    method: str, seed: int = 0, *, weak: float = 600, kinds: Sequence[float] = (0, 1), **fields: Any
) -> Record:
    """A run that loses `weak` points of accuracy per unit of radius under FGSM, and half as many more under PGD."""
    rows = [
        (
            kind,
            radius,
            max(0.0, 95 - weak * radius * (1 + 0.5 * kind) - seed),
            0.1 * np.exp(weak * radius * (1 + 0.5 * kind) / 20),
        )
        for kind in kinds
        for radius in RADII
    ]
    curves = {"attacks": _columns(("pgd", "radius", "accuracy", "loss"), rows)}
    values = {"FGSM_accuracy": rows[2][2] if rows else 0.0}
    return _record("adversarial", method, seed, values, **{"curves": curves, **fields})


def _record(track: str, method: str, seed: int, values: Mapping[str, float], **fields: Any) -> Record:
    base = record(method, seed, **{"track": f"distribution_shift.{track}", **fields})
    metrics = {name: MetricValue(value=value, unit="%", higher_is_better=True) for name, value in values.items()}
    return base.model_copy(update={"primary": next(iter(values)), "metrics": metrics if base.status == "ok" else {}})


def _columns(names: Sequence[str], rows: Sequence[tuple[float, ...]]) -> Curve:
    return {name: [float(row[place]) for row in rows] for place, name in enumerate(names)}
