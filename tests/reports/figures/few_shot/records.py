"""Synthetic records of the few-shot task."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.results.record import Record
from tests.reports.factory import record

Curve = dict[str, list[float]]
SHOTS = (1, 5)


def episode(*, wrong: int = 2, queries: int = 3) -> Curve:
    """The curve "features" of novel_classes: 4 base class means, 5 classes with 1 support and some queries each."""
    labels = [float(label) for label in range(5) for _ in range(queries)]
    answers = [(label + 1) % 5 if position < wrong else label for position, label in enumerate(labels)]
    classes = [-1.0] * 4 + [0.0, 1.0, 2.0, 3.0, 4.0] + labels
    x, y = np.random.default_rng(0).normal(size=(2, len(classes)))
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "kind": [0.0] * 4 + [1.0] * 5 + [2.0] * len(labels),
        "class": classes,
        "answer": [*classes[:9], *answers],
    }


def cloud() -> Curve:
    """The curve "features" of extreme: images of five classes."""
    x, y = np.random.default_rng(1).normal(size=(2, 30))
    return {"x": x.tolist(), "y": y.tolist(), "class": [float(index % 5) for index in range(30)]}


def result(
    method: str, seed: int = 0, *, gain: tuple[float, float] = (0.0, 0.0), track: str = "novel_classes", **fields: Any
) -> Record:
    """A run over 12 episodes that gains `gain` points at 1 and 5 shots over what the seed gives everyone."""
    rng = np.random.default_rng(seed)
    raw = {shots: rng.normal(60 + 3 * shots + seed, 8, size=12) + gain[place] for place, shots in enumerate(SHOTS)}
    means = {shots: float(values.mean()) for shots, values in raw.items()}
    shown = {
        "shots": [float(shots) for shots in SHOTS],
        "accuracy": list(means.values()),
        "half_width_95": [1.96 * float(values.std(ddof=1)) / 12**0.5 for values in raw.values()],
    }
    curves = {"shots": shown, "features": episode() if track == "novel_classes" else cloud()}
    return record(
        method,
        seed,
        **{
            "track": f"few_shot.{track}",
            "metrics": {f"accuracy_{shots}_shot": mean for shots, mean in means.items()},
            "primary": "accuracy_1_shot",
            "raw": {f"accuracy_{shots}_shot": values.tolist() for shots, values in raw.items()},
            "curves": curves,
            **fields,
        },
    )
