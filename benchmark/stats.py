"""Statistics as pure functions on arrays. Works without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class Summary:
    """n values: their mean, and the half width of its 95 % interval (None for n = 1: one value has no interval)."""

    n: int
    mean: float
    half_width: float | None


def summarise(values: Sequence[float]) -> Summary:
    """Mean and 95 % Student-t interval of independent values, shape (n,), n >= 1.

    Raises ValueError for no values.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values to summarise")
    if array.size == 1:
        return Summary(1, float(array[0]), None)
    quantile = float(stats.t.ppf(0.975, array.size - 1))
    return Summary(array.size, float(array.mean()), quantile * float(array.std(ddof=1)) / float(np.sqrt(array.size)))
