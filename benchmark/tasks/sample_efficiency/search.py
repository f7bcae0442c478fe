"""How many samples a learner needs: the search for the smallest size that reaches an accuracy, and the law it follows.

Sizes form a geometric grid, n_j = n_0 2^(j/2). The search measures windows of neighbouring sizes until the lowest of
them fails and a higher one passes; between the last that fails and the first that passes it interpolates, linearly in
the logarithm of the size. It takes accuracy to rise with size: a learner that passes, fails and passes again is given
the first crossing above the lowest size measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.9
"""The accuracy that counts as learned."""
WINDOW = 4
"""Sizes measured at once: a factor of 2.8 from the first to the last."""
EXACT, AT_LEAST, AT_MOST = 0, 1, -1
"""What a crossing is: found; beyond the largest size; below the smallest."""

Accuracies = Mapping[int, NDArray[np.float64]]
"""By size: accuracies (repeats,) in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """samples: where the mean accuracy reaches `LEVEL`;  bound: `EXACT`, or that samples is only a bound."""

    samples: float
    bound: int


def grid(first: int, most: int) -> list[int]:
    """Sizes n_j = first * 2^(j/2), rounded, up to `most`."""
    count = int(2 * math.log2(most / first) + 1e-9) + 1
    return [round(first * 2 ** (j / 2)) for j in range(count)]


def measured(
    measure: Callable[[list[int]], NDArray[np.float64]], sizes: Sequence[int], start: int
) -> dict[int, NDArray[np.float64]]:
    """Measure windows of the sizes, from the index `start` on, until the crossing is inside or the sizes end.

    measure: gives the accuracies (sizes, repeats) at some sizes. Returns them by size, rising, without gaps.
    """
    low = min(max(start, 0), max(len(sizes) - WINDOW, 0))
    high = min(low + WINDOW, len(sizes))
    asked, seen = range(low, high), dict[int, NDArray[np.float64]]()
    while True:
        chosen = [sizes[index] for index in asked]
        seen |= zip(chosen, measure(chosen), strict=True)
        if seen[sizes[low]].mean() >= LEVEL and low > 0:
            asked, low = range(max(low - WINDOW, 0), low), max(low - WINDOW, 0)
        elif high < len(sizes) and all(seen[sizes[index]].mean() < LEVEL for index in range(low, high)):
            asked, high = range(high, min(high + WINDOW, len(sizes))), min(high + WINDOW, len(sizes))
        else:
            return dict(sorted(seen.items()))


def crossing(sizes: Sequence[int], accuracies: Sequence[float]) -> Crossing:
    """Where accuracies at rising sizes first reach `LEVEL`; a bound if none does, or the first size's."""
    for index, accuracy in enumerate(accuracies):
        if accuracy < LEVEL:
            continue
        if index == 0:
            return Crossing(float(sizes[0]), AT_MOST)
        below = accuracies[index - 1]
        share = (LEVEL - below) / (accuracy - below)
        return Crossing(sizes[index - 1] * (sizes[index] / sizes[index - 1]) ** share, EXACT)
    return Crossing(float(sizes[-1]), AT_LEAST)


def crossed(accuracies: Accuracies) -> Crossing:
    """The crossing of the mean over repeats."""
    return crossing(list(accuracies), [float(each.mean()) for each in accuracies.values()])


def expected(dimensions: Sequence[int], crossings: Sequence[Crossing], following: int, sizes: Sequence[int]) -> int:
    """Index at which to start the search at the dimension `following`, by the law through the last two crossings."""
    if not crossings:
        return WINDOW
    logs = [math.log(each.samples) for each in crossings[-2:]]
    slope = 0.0
    if len(logs) == 2:
        slope = (logs[1] - logs[0]) / math.log(dimensions[len(crossings) - 1] / dimensions[len(crossings) - 2])
    guess = logs[-1] + slope * math.log(following / dimensions[len(crossings) - 1])
    below = sum(math.log(size) < guess for size in sizes)
    return below - WINDOW // 2


def exponent(dimensions: Sequence[float], samples: Sequence[float]) -> float:
    """Slope of log samples on log dimension, by least squares; needs two different dimensions."""
    x, y = np.log(np.asarray(dimensions, float)), np.log(np.asarray(samples, float))
    x = x - x.mean()
    return float((x * y).sum() / (x * x).sum())


def interval(
    dimensions: Sequence[int], found: Sequence[Accuracies], rng: np.random.Generator, *, draws: int = 1000
) -> tuple[float, float]:
    """A 95 % percentile interval of the exponent: at each dimension repeats are drawn anew, with replacement."""
    logs = []
    for accuracies in found:
        sizes, values = list(accuracies), np.stack(list(accuracies.values()))
        chosen = rng.integers(values.shape[1], size=(draws, values.shape[1]))
        logs.append([crossing(sizes, row).samples for row in values[:, chosen].mean(2).T.tolist()])
    slopes = [exponent(dimensions, samples) for samples in zip(*logs, strict=True)]
    low, high = np.percentile(slopes, (2.5, 97.5))
    return float(low), float(high)
