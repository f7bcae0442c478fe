"""The search for the smallest size: where it looks, what it finds, and what it says where there is nothing to find."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.tasks.sample_efficiency import search
from benchmark.tasks.sample_efficiency.search import AT_LEAST, AT_MOST, EXACT, Crossing

SIZES = search.grid(8, 1024)


class Learner:
    """Accuracy rises in the logarithm of the size, by 0.1 for each doubling, and is 0.9 at `needed`."""

    def __init__(self, needed: float) -> None:
        self.needed = needed
        self.asked: list[int] = []

    def __call__(self, sizes: list[int]) -> NDArray[np.float64]:
        self.asked += sizes
        mean = 0.9 + 0.1 * np.log2(np.asarray(sizes) / self.needed)
        return mean[:, None] + np.asarray([-0.01, 0.01])


def test_the_grid_grows_by_the_root_of_two_and_ends_in_time() -> None:
    assert SIZES == [8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724, 1024]
    assert search.grid(8, 1023)[-1] == 724
    assert search.grid(8, 8) == [8]


@pytest.mark.parametrize("start", [-3, 0, 4, 8, 14, 99])
@pytest.mark.parametrize("needed", [8.1, 12, 100, 181, 1000])
def test_the_crossing_is_found_from_wherever_it_starts(start: int, needed: float) -> None:
    learner = Learner(needed)
    found = search.measured(learner, SIZES, start)
    assert len(learner.asked) == len(set(learner.asked)) == len(found)  # nothing twice
    assert list(found) == sorted(found)
    first = SIZES.index(next(iter(found)))
    assert list(found) == SIZES[first : first + len(found)]  # no gaps
    crossing = search.crossed(found)
    assert crossing.bound == EXACT
    # Accuracy is linear in the logarithm, and so is the interpolation; sizes are rounded to whole numbers.
    assert crossing.samples == pytest.approx(needed, rel=1e-9)


def test_what_is_never_reached_is_a_bound_from_below() -> None:
    found = search.measured(Learner(1e6), SIZES, 4)
    assert list(found) == SIZES[4:]
    assert search.crossed(found) == Crossing(1024, AT_LEAST)


def test_what_is_reached_at_once_is_a_bound_from_above() -> None:
    found = search.measured(Learner(1), SIZES, 6)
    assert next(iter(found)) == 8
    assert search.crossed(found) == Crossing(8, AT_MOST)


def test_the_first_crossing_counts() -> None:
    assert search.crossing([8, 16, 32, 64], [0.8, 1.0, 0.7, 1.0]) == Crossing(pytest.approx(8 * 2**0.5), EXACT)


def test_the_search_starts_where_the_last_crossings_point() -> None:
    dimensions = (8, 16, 32)
    assert search.expected(dimensions, [], 8, SIZES) == search.WINDOW
    flat = search.expected(dimensions, [Crossing(64, EXACT)], 16, SIZES)
    assert SIZES[flat] < 64 < SIZES[flat + search.WINDOW - 1]
    steep = search.expected(dimensions, [Crossing(20, EXACT), Crossing(80, EXACT)], 32, SIZES)
    assert SIZES[steep] < 320 < SIZES[steep + search.WINDOW - 1]


def test_the_exponent_of_a_power_law_is_its_power() -> None:
    dimensions = [8, 12, 24]
    assert search.exponent(dimensions, [3 * d**2.5 for d in dimensions]) == pytest.approx(2.5)
    assert search.exponent(dimensions, [41, 41, 41]) == pytest.approx(0)


def test_the_interval_holds_what_repeats_tell() -> None:
    rng = np.random.default_rng(0)
    dimensions = (8, 16)
    found = [search.measured(Learner(needed), SIZES, 4) for needed in (40, 160)]
    low, high = search.interval(dimensions, found, rng)
    assert low < 2 < high
    same = [{size: np.full(3, values.mean()) for size, values in each.items()} for each in found]
    assert search.interval(dimensions, same, rng) == pytest.approx((2, 2))


def test_a_bound_has_an_interval_too() -> None:
    found = [search.measured(Learner(1e6), SIZES, 4) for _ in range(2)]
    assert search.interval((8, 16), found, np.random.default_rng(0)) == pytest.approx((0, 0))
