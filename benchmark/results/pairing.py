"""Differences of two methods, paired by the seeds that both have. Works without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmark.results.ranking import Row
from benchmark.results.record import Record
from benchmark.results.stats import Summary, over_seeds, summarise


def pairs(row: Row, baseline: Row) -> Iterator[tuple[Record, Record]]:
    """Yield the records of the two for each seed that both have."""
    others = {record.seed: record for record in baseline.records}
    return ((record, others[record.seed]) for record in row.records if record.seed in others)


def paired(row: Row, baseline: Row, metric: str) -> Summary | None:
    """Mean over common seeds of the difference in a metric, in its unit; None without any."""
    differences = [
        one.metrics[metric].value - other.metrics[metric].value
        for one, other in pairs(row, baseline)
        if metric in one.metrics and metric in other.metrics
    ]
    return summarise(differences) if differences else None


def paired_by_unit(row: Row, baseline: Row, values: Callable[[Record], Sequence[float]]) -> Summary | None:
    """Mean over common seeds of the mean difference per unit, such as an episode; None without a seed in common.

    values: of a record, by unit. Seeds whose units are none, or of another number, are left out. n counts seeds; the
    interval is that of `benchmark.results.stats.over_seeds`.
    """
    found = [(values(one), values(other)) for one, other in pairs(row, baseline)]
    differences = [np.subtract(one, other).tolist() for one, other in found if len(one) and len(one) == len(other)]
    return over_seeds(differences) if differences else None


def raw_of(metric: str) -> Callable[[Record], Sequence[float]]:
    """Read a record's raw values of a metric, none if it lacks it."""
    return lambda record: record.metrics[metric].raw if metric in record.metrics else ()


def apart(value: Summary) -> bool:
    """Whether the interval does not hold zero."""
    return value.half_width is not None and abs(value.mean) > value.half_width
