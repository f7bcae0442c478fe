"""Synthetic records of `test_time_shift.control`."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.results.record import Record
from tests.reports.factory import record

KINDS = ("colour", "lighting", "texture", "camera")
POLICIES, STEPS = 4, 8


def deployed(method: str, seed: int = 0, *, gain: float = 0.0, kinds: tuple[str, ...] = KINDS, **fields: Any) -> Record:
    """A run that returns `gain` points more under every mild shift than what the seed gives everyone."""
    rng = np.random.default_rng(seed)
    clean = rng.normal(95, 2, POLICIES)
    mild = rng.normal(65, 8, (len(KINDS), POLICIES)) + gain
    curves = {"none_by_step": {"step": list(map(float, range(1, STEPS + 1))), "return": [95.0] * STEPS}}
    for place, kind in enumerate(kinds):
        level = float(mild[place].mean())
        each = [clean, mild[place], mild[place] - 15, mild[place] - 30]
        curves[kind] = {
            "strength": [float(strength) for strength in range(4) for _ in range(POLICIES)],
            "policy": [float(number) for number in range(POLICIES)] * 4,
            "return": np.concatenate(each).tolist(),
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
            "raw": {"mild_return": mild.mean(0).tolist(), "clean_return": clean.tolist()},
            "curves": curves,
            "names": {"kind": list(KINDS), "strength": ["none", "mild", "medium", "strong"]},
            **fields,
        },
    )
