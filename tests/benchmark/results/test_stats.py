from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.results.stats import Summary, summarise


def test_interval_matches_scipy() -> None:
    values = np.random.default_rng(0).normal(size=7)
    summary = summarise(list(values))
    low, high = stats.t.interval(0.95, df=6, loc=values.mean(), scale=stats.sem(values))
    assert summary.half_width is not None
    assert (summary.mean - summary.half_width, summary.mean + summary.half_width) == pytest.approx((low, high))


def test_pinned_numbers() -> None:
    summary = summarise([80.0, 81.0, 82.0])
    assert (summary.n, summary.mean) == (3, 81.0)
    assert summary.half_width == pytest.approx(2.48414, abs=1e-5)


def test_one_value_has_no_interval() -> None:
    assert summarise([5.0]) == Summary(1, 5.0, None)


def test_equal_values_have_an_interval_of_zero() -> None:
    assert summarise([5.0, 5.0]) == Summary(2, 5.0, 0.0)


def test_no_values() -> None:
    with pytest.raises(ValueError, match="no values"):
        summarise([])
