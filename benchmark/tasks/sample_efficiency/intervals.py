"""How far an estimate of dimension can be trusted: intervals, and how it moves with the number of points.

Delete-half jackknife (Shao & Wu 1989, "A general theory for jackknife variance estimation", Annals of Statistics 17):
the variance of an estimate over random halves of the points, drawn without replacement, estimates its variance over
samples as large as the whole. It says nothing of bias, which at many dimensions is larger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.errors import DataError, HeptathlonError, UsageError
from benchmark.seeding import generator
from benchmark.tasks.sample_efficiency.intrinsic_dimension import Estimator
from benchmark.tasks.sample_efficiency.neighbours import shared


@dataclass(frozen=True, slots=True)
class Trusted:
    """What an estimator finds, each by number of neighbours.

    estimates: of all points;  halves: half the width of their 95 % intervals;  by_points: number of points, rising ->
    mean estimate of subsets of that size, of all points the estimate itself
    """

    estimates: tuple[float, ...]
    halves: tuple[float, ...]
    by_points: dict[int, tuple[float, ...]]


def examine(
    estimators: Mapping[str, Callable[[], Estimator]],
    points: Tensor,
    neighbours: Sequence[int],
    *,
    repeats: int,
    seed: int,
    advance: Callable[[float], None],
) -> dict[str, Trusted]:
    """Estimate with each method on all points, and on as many random halves and quarters as there are repeats.

    estimators: by name, each made anew for each set of points;  points: (n, D), no two equal;  repeats: at least 2;
    advance: told the share of the work that is done since it was told last. Quarters with too few points for the most
    neighbours are left out. Raises UsageError if halves have too few, and what an estimator raises, with its name.
    """
    from scipy.stats import t

    count, least = len(points), max(neighbours) + 1
    if repeats < 2:
        raise UsageError(f"{repeats} repeats give no interval; take at least 2")
    if count // 2 < least:
        raise UsageError(
            f"k = {least - 1} needs {2 * least} different points, as intervals come from halves; there are {count}: "
            "ask for fewer neighbours or give more points"
        )
    sizes = [size for size in (count // 4, count // 2) if size >= least]
    work = count**2 + sum(repeats * size**2 for size in sizes)
    found: dict[str, dict[int, list[Tensor]]] = {name: {} for name in estimators}
    for size in (*sizes, count):
        for repeat in range(repeats if size < count else 1):
            some = points
            if size < count:
                some = points[torch.randperm(count, generator=generator(seed, "subset", size, repeat))[:size]]
            with shared():  # most methods start from the same neighbours
                for name, make in estimators.items():
                    found[name].setdefault(size, []).append(_estimate(name, make, some))
            advance(size**2 / work)
    factor = float(t.ppf(0.975, repeats - 1))

    def trusted(by_size: dict[int, list[Tensor]]) -> Trusted:
        spread = torch.stack(by_size[count // 2]).std(0)
        means = {size: tuple(torch.stack(each).mean(0).tolist()) for size, each in by_size.items()}
        return Trusted(means[count], tuple((factor * spread).tolist()), means)

    return {name: trusted(by_size) for name, by_size in found.items()}


def _estimate(name: str, make: Callable[[], Estimator], points: Tensor) -> Tensor:
    try:
        return make().estimate(points).double()
    except HeptathlonError as error:
        raise DataError(f"{name}, on {len(points)} points: {error}") from None
