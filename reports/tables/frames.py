"""Tables and curves as polars frames: the source of every figure and of the CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from benchmark.results.costs import COLUMNS, CostColumn
from benchmark.results.ranking import Row, Table
from benchmark.results.stats import Summary
from reports.tables import rates


def _cost_schema(column: CostColumn) -> dict[str, type[pl.DataType]]:
    """Columns of a cost: the largest as a whole number, or mean and interval."""
    if column.largest:
        return {column.key: pl.Int64}
    return {f"{column.key}_mean": pl.Float64, f"{column.key}_half_width_95": pl.Float64}


SUMMARY: dict[str, type[pl.DataType]] = {
    "device": pl.String,
    "task": pl.String,
    "track": pl.String,
    "tier": pl.String,
    "comparison_class": pl.String,
    "method": pl.String,
    "role": pl.String,
    "paper": pl.String,
    "rank": pl.Int64,
    "kind": pl.String,
    "metric": pl.String,
    "unit": pl.String,
    "higher_is_better": pl.Boolean,
    "primary": pl.Boolean,
    "n": pl.Int64,
    "mean": pl.Float64,
    "half_width_95": pl.Float64,
    **{name: kind for column in COLUMNS for name, kind in _cost_schema(column).items()},
    "failures": pl.Int64,
}


def summary(tables: Iterable[Table]) -> pl.DataFrame:
    """One row per (device, track, tier, method, metric or rate), in the order of the tables; columns: `SUMMARY`.

    kind: `metric`, or `rate` for what a method did per second;  mean and half_width_95 are in `unit`, over the `n`
    seeds that have it. A method without any result has one row without a metric.
    """
    rows = [line for table in tables for row in table.rows for line in _lines(table, row)]
    return pl.DataFrame(rows, schema=SUMMARY)


def curve(table: Table, name: str, columns: Sequence[str]) -> pl.DataFrame:
    """Read the curve `name` of every run of a table: columns method, seed and `columns`, in the order of the table.

    A record without the curve, or whose columns are missing or of unequal length, adds no rows.
    """
    schema = {"method": pl.String, "seed": pl.Int32, **dict.fromkeys(columns, pl.Float64)}
    cells: dict[str, list[object]] = {column: [] for column in schema}
    for row in table.rows:
        for record in row.records:
            found = record.curves.get(name, {})
            lengths = {len(found.get(column, ())) for column in columns}
            if len(lengths) == 1:
                (length,) = lengths
                cells["method"] += [row.method] * length
                cells["seed"] += [record.seed] * length
                for column in columns if length else ():
                    cells[column] += found[column]
    return pl.DataFrame(cells, schema=schema)


def _cost(row: Row, column: CostColumn) -> dict[str, float | None]:
    value = row.costs.get(column.key)
    parts = (None, None) if value is None else (value.mean, value.half_width)
    if column.largest and value is not None:
        parts = (int(value.mean), None)
    return dict(zip(_cost_schema(column), parts, strict=False))


def _lines(table: Table, row: Row) -> list[dict[str, object]]:
    common: dict[str, object] = {
        "device": table.device,
        "task": table.task,
        "track": table.track,
        "tier": table.tier,
        "comparison_class": table.comparison_class,
        "method": row.method,
        "role": row.role,
        "paper": row.paper,
        "rank": row.rank,
        **{name: value for column in COLUMNS for name, value in _cost(row, column).items()},
        "failures": len(row.failures),
    }
    measured: list[tuple[dict[str, object], Summary]] = [
        (
            {
                "kind": "metric",
                "metric": column.name,
                "unit": column.unit,
                "higher_is_better": column.higher_is_better,
                "primary": column.name == table.primary,
            },
            row.metrics[column.name],
        )
        for column in table.columns
        if column.name in row.metrics
    ]
    measured += [
        (
            {"kind": "rate", "metric": name, "unit": rates.parts(name)[1], "higher_is_better": True, "primary": False},
            value,
        )
        for name, value in rates.summaries(row).items()
    ]
    if not measured:
        return [{**common, "n": 0}]
    return [
        {**common, **metric, "n": value.n, "mean": value.mean, "half_width_95": value.half_width}
        for metric, value in measured
    ]
