"""Statistics as pure functions on arrays. Works without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit


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
    quantile = float(stdtrit(array.size - 1, 0.975))  # what scipy.stats.t.ppf is, which takes a second to import
    return Summary(array.size, float(array.mean()), quantile * float(array.std(ddof=1)) / float(np.sqrt(array.size)))


def over_seeds(differences: Sequence[Sequence[float]]) -> Summary:
    """Summarise paired differences per episode, a sequence for each seed: the mean over seeds of their means.

    n counts seeds. The interval is over episodes for one seed; for several it is Student's over the seeds' means, and
    never narrower than that over all their episodes: a few seeds may agree by chance.
    """
    over_episodes = summarise([value for seed in differences for value in seed]).half_width
    by_seed = summarise([float(np.mean(seed)) for seed in differences])
    halves = [half for half in (over_episodes, by_seed.half_width) if half is not None]
    return Summary(by_seed.n, by_seed.mean, max(halves, default=None))
