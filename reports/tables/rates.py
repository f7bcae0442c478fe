"""Rates of a table, such as `1-shot episodes/s`: what the runs did per second, beside the seconds themselves."""

from __future__ import annotations

from benchmark.results.ranking import Row, Table
from benchmark.results.stats import Summary, summarise


def names(table: Table) -> list[str]:
    """Every rate that some run of the table has: in the order of the run that has most of them, then the others'."""
    records = [record for row in table.rows for record in row.records]
    records.sort(key=lambda record: -len(record.costs.rates))
    return list(dict.fromkeys(name for record in records for name in record.costs.rates))


def summaries(row: Row) -> dict[str, Summary]:
    """A method's rates over the seeds it finished; a rate covers the seeds that have it."""
    found: dict[str, list[float]] = {}
    for record in row.records:
        for name, value in record.costs.rates.items():
            found.setdefault(name, []).append(value)
    return {name: summarise(values) for name, values in found.items()}


def parts(name: str) -> tuple[str, str]:
    """A rate's name without its unit, and the unit: `1-shot` and `episodes/s`. A rate of one word is its own unit."""
    words, _, unit = name.rpartition(" ")
    return (words, unit) if words else ("rate", unit)
