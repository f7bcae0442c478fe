"""A ranked table as text cells: the one source that terminal, Markdown and page draw, so that they cannot disagree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.results.costs import COLUMNS, CostColumn
from benchmark.results.ranking import Row, Table
from reports.tables import formatting, rates
from reports.tables.formatting import Format

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: its name, its unit and direction (an arrow) where it has them, and what kind of column it is.

    primary: the metric that decides the rank;  rate: one of `reports.tables.rates`.
    """

    name: str
    unit: str = ""
    arrow: str = ""
    numeric: bool = True
    primary: bool = False
    rate: bool = False

    @property
    def text(self) -> str:
        """The whole heading, `ACC (%) ↑`."""
        return f"{formatting.label(self.name, self.unit)} {self.arrow}".rstrip()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's text, and the raw number it was made from where there is one (to sort by)."""

    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One method's cells, in the order of the headings. mark: why it has no rank, empty for ranked methods."""

    method: str
    role: str
    mark: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A table ready to be drawn, with the failed runs: (`er, seed 2`, `timeout: ...`)."""

    table: Table
    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]
    failures: tuple[tuple[str, str], ...]


def board(table: Table) -> Board:
    """Write a table's numbers as text."""
    formats = {
        column.name: Format([row.metrics[column.name] for row in table.rows if column.name in row.metrics])
        for column in table.columns
    }
    first, *others = COLUMNS
    shown = [column for column in others if column is others[0] or any(column.key in row.costs for row in table.rows)]
    headings = [Heading("#"), Heading("method", numeric=False)]
    headings += [
        Heading(
            formatting.label(column.name),
            "" if column.unit in column.name.split("_") else column.unit,
            "↑" if column.higher_is_better else "↓",
            primary=column.name == table.primary,
        )
        for column in table.columns
    ]
    per_second = rates.names(table)
    headings += [Heading(f"{table.repeats}s"), Heading(first.name, first.unit)]
    headings += [Heading(*rates.parts(name), rate=True) for name in per_second]
    headings += [Heading(column.name, column.unit) for column in shown]
    headings += [Heading("paper", numeric=False)]
    lines = tuple(_line(row, table, formats, per_second, shown) for row in table.rows)
    return Board(table, tuple(headings), lines, tuple(_failures(table)))


def _failures(table: Table) -> Iterator[tuple[str, str]]:
    """Runs of one method that failed alike share a sentence."""
    seeds: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in table.rows:
        for record in row.failures:
            message = " ".join(record.failure.message.split()) if record.failure else ""
            seeds[row.method, record.status.replace("_", " "), message or "no message"].append(str(record.seed))
    for (method, status, message), failed in sorted(seeds.items()):
        yield f"{method}, seed{'s' if len(failed) > 1 else ''} {', '.join(failed)}", f"{status}: {message}"


def _line(
    row: Row, table: Table, formats: dict[str, Format], per_second: Sequence[str], shown: Sequence[CostColumn]
) -> Line:
    cells = [Cell(NOTHING if row.rank is None else str(row.rank), row.rank), Cell(row.method)]
    for column in table.columns:
        summary = row.metrics.get(column.name)
        cells.append(Cell(formats[column.name].interval(summary), summary.mean) if summary else Cell(NOTHING))
    done, all_seeds = len(row.seeds), len(table.seeds)
    cells.append(Cell(str(done) if done == all_seeds else f"{done} of {all_seeds}", done))
    cells.append(_cost(row, COLUMNS[0]))
    measured = rates.summaries(row)
    means = [measured[name].mean if name in measured else None for name in per_second]
    cells += [Cell(NOTHING) if mean is None else Cell(formatting.rate(mean), mean) for mean in means]
    cells += [_cost(row, column) for column in shown]
    cells.append(Cell(row.paper or ""))
    return Line(row.method, row.role, _mark(row), tuple(cells))


def _cost(row: Row, column: CostColumn) -> Cell:
    if (value := row.costs.get(column.key)) is None:
        return Cell(NOTHING)
    if column.in_bytes:
        return Cell(formatting.size(int(value.mean)), int(value.mean))
    return Cell(formatting.seconds(value.mean), value.mean)


def _mark(row: Row) -> str:
    marks = ["reference"] if row.role == "reference" else []
    if row.failures:
        statuses = Counter(record.status.replace("_", " ") for record in row.failures)
        marks.append(", ".join(f"{status} ×{n}" if n > 1 else status for status, n in sorted(statuses.items())))
    if any(record.doubt for record in row.records):
        marks.append("not ranked")
    return ", ".join(marks)
