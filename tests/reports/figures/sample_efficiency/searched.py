"""Synthetic records of `sample_efficiency.architecture`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.results.record import MetricValue, Record
from tests.reports.factory import record

DIMENSIONS = (8.0, 16.0)


def searched(
    method: str, seed: int = 0, *, powers: Mapping[str, float], never: str = "", at_once: str = "", **fields: Any
) -> Record:
    """A run that needs 10 (1 + seed / 10) d^power samples, by setting.

    never, at_once: the setting whose larger dimension was not reached, and that which was with the smallest size
    """
    factor = 10 * (1 + seed / 10)
    names = list(powers)
    samples: dict[str, list[float]] = {name: [] for name in ("setting", "dimension", "samples", "bound")}
    accuracy: dict[str, list[float]] = {name: [] for name in ("setting", "dimension", "size", "repeat", "accuracy")}
    laws: dict[str, list[float]] = {name: [] for name in ("setting", "exponent", "low", "high", "bound")}
    for number, (name, power) in enumerate(powers.items()):
        for d in DIMENSIONS:
            bound = float(name == never and d == DIMENSIONS[-1]) - float(name == at_once)
            add(samples, number, d, factor * d**power, bound)
            for place, size in enumerate((16.0, 32.0, 64.0)):
                add(accuracy, number, d, size, 0, 0.7 + 0.1 * place + seed / 100)
        add(laws, number, power, power - 0.2, power + 0.2, float(name == never))
    made = record(method, seed, track="sample_efficiency.architecture", primary="exponent", metrics={}, status="error")
    metric = MetricValue(value=next(iter(powers.values())), unit="", higher_is_better=False)
    changes: dict[str, Any] = {
        "status": "ok",
        "failure": None,
        "metrics": {"exponent": metric},
        "curves": {"samples": samples, "accuracy": accuracy, "laws": laws},
        "names": {"setting": names},
    }
    return made.model_copy(update=changes | fields)


def add(curve: dict[str, list[float]], *row: float) -> None:
    for column, value in zip(curve.values(), row, strict=True):
        column.append(float(value))
