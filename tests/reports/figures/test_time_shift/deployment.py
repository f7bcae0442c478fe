"""Synthetic records of `test_time_shift.control`."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.results.record import Record
from tests.reports.factory import record

KINDS = ("colour", "lighting", "texture", "camera")
EPISODES, STEPS = 12, 8


def deployed(method: str, seed: int = 0, *, gain: float = 0.0, kinds: tuple[str, ...] = KINDS, **fields: Any) -> Record:
    """A run that returns `gain` points more under every mild shift than what the seed gives everyone."""
    rng = np.random.default_rng(seed)
    clean = rng.normal(95, 2, EPISODES)
    mild = rng.normal(65, 8, (len(KINDS), EPISODES)) + gain
    curves = {"none_by_step": {"step": list(map(float, range(1, STEPS + 1))), "return": [95.0] * STEPS}}
    for place, kind in enumerate(kinds):
        level = float(mild[place].mean())
        curves[kind] = {
            "strength": [0.0, 1.0, 2.0, 3.0],
            "return": [float(clean.mean()), level, level - 15, level - 30],
            "half_width_95": [1.0, 2.0, 3.0, 3.0],
        }
        curves[f"{kind}_by_step"] = {
            "step": list(map(float, range(1, STEPS + 1))),
            "return": [level + gain * step / STEPS for step in range(STEPS)],
        }
    return record(
        method,
        seed,
        **{
            "track": "test_time_shift.control",
            "metrics": {"mild_return": float(mild.mean()), "clean_return": float(clean.mean())},
            "primary": "mild_return",
            "raw": {"mild_return": mild.ravel().tolist(), "clean_return": clean.tolist()},
            "curves": curves,
            "names": {"kind": list(KINDS), "strength": ["none", "mild", "medium", "strong"]},
            **fields,
        },
    )
