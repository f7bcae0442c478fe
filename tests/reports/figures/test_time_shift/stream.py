"""Synthetic records of adaptation to corrupted streams."""

from __future__ import annotations

from typing import Any

from benchmark.results.record import MetricValue, Record
from tests.reports.factory import record

NAMES = [*(f"kind_{place}" for place in range(14)), "jpeg_compression"]
SEVERITIES = (1, 2, 3, 4, 5)
SETTINGS = (
    "error_severity_5",
    "error_short",
    "error_continual",
    "error_small_batches",
    "error_sorted",
    "clean_error",
)


def streamed(
    method: str, seed: int = 0, *, error: float = 20, learned: float = 0, speed: float = 1000, **fields: Any
) -> Record:
    """A run that errs by `error` (%) at severity 5, a fifth of it per severity, less `learned` at the stream's end.

    Errors rise by a point per seed, and by a tenth from one corruption and from one setting to the next.
    """
    cells = [
        (float(place), float(severity), error * severity / 5 + 0.1 * place + seed)
        for place in range(len(NAMES))
        for severity in SEVERITIES
    ]
    windows = [(float(100 * part), error - learned * part / 4 + seed, 1.0 - 0.1 * part) for part in range(1, 5)]
    curves = {
        "heat": _columns(("corruption", "severity", "error"), cells),
        "stream": _columns(("seen", "error", "entropy"), windows),
    }
    base = record(
        method,
        seed,
        **{
            "track": "test_time_shift.corruption",
            "curves": curves,
            "rates": {"images/s": speed},
            "names": {"corruption": NAMES},
        }
        | fields,
    )
    metrics = {
        name: MetricValue(value=error + 0.1 * place + seed, unit="%", higher_is_better=False)
        for place, name in enumerate(SETTINGS)
    }
    update = {"primary": SETTINGS[0], "metrics": metrics if base.status == "ok" else {}}
    return base.model_copy(update=update)


def _columns(names: tuple[str, ...], rows: list[tuple[float, ...]]) -> dict[str, list[float]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
