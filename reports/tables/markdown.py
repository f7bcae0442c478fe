"""The ranked tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from benchmark.results.costs import COLUMNS
from benchmark.results.ranking import Table
from reports.tables import formatting
from reports.tables.board import Board, Cell, Line, board

LEGEND = (
    "Values are mean ± half width of the 95 % interval over seeds; one seed has no interval. ↑ higher is better, "
    "↓ lower is better. "
    + "".join(f"{column.legend} " for column in COLUMNS if column.legend)
    + "References bound a track and are not ranked; neither are "
    "methods that failed on a seed."
)


def render(tables: Sequence[Table]) -> str:
    """Write all tables as one document, by device."""
    parts = ["# Heptathlon leaderboard", LEGEND]
    if not tables:
        parts.append("No results yet: `heptathlon run` makes some.")
    for device, group in groupby(tables, key=lambda table: table.device):
        parts.append(f"## {_escape(device)}")
        parts += [_section(board(table)) for table in group]
    return "\n\n".join(parts) + "\n"


def _section(drawn: Board) -> str:
    table = drawn.table
    rule = [("---:" if heading.numeric else "---") for heading in drawn.headings]
    lines = [
        _line([_bold(_escape(h.text)) if h.primary else _escape(h.text) for h in drawn.headings]),
        _line(rule),
        *(_line(_cells(line, drawn)) for line in drawn.lines),
    ]
    parts = [f"### {_escape(formatting.track(table.track))} ({_escape(table.tier)})", "\n".join(lines)]
    notes = [f"- **{_escape(run)}**: {_escape(text)}" for run, text in drawn.failures]
    notes += [f"- {_escape(note)}" for note in table.notes + table.set_aside]
    parts += ["\n".join(notes)] if notes else []
    parts.append(f"Comparison class `{table.comparison_class}`.")
    return "\n\n".join(parts)


def _cells(line: Line, drawn: Board) -> list[str]:
    def text(position: int, cell: Cell) -> str:
        if drawn.headings[position].primary and cell.value is not None:
            return _bold(_escape(cell.text))
        if drawn.headings[position].name == "method" and line.mark:
            return f"{_escape(cell.text)} ({_escape(line.mark)})"
        return _escape(cell.text)

    return [text(position, cell) for position, cell in enumerate(line.cells)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bold(text: str) -> str:
    return f"**{text}**"


def _escape(text: str) -> str:
    """Keep a record's text from ending a cell or becoming markup."""
    for sign in "\\`*_[]|#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
