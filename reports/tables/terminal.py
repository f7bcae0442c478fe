"""The ranked tables in a terminal, or in a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from benchmark.results.costs import COLUMNS
from benchmark.results.ranking import Table
from reports.tables import formatting
from reports.tables.board import NOTHING, Board, Line, board

_ASCII = str.maketrans({"±": "~", "×": "x", "↑": "(up)", "↓": "(down)", NOTHING: "-"})
_WIDEST = 10_000
_EXPENDABLE = ("paper", "rate", *(column.name for column in (*COLUMNS[1:], COLUMNS[0])), "seeds")
"""Columns to leave out where there is no room, the first ones first: of costs, time goes last."""


def show(tables: Sequence[Table], console: Console) -> None:
    """Print the tables by device, best method first, then the failures of each.

    On a terminal too narrow for a table its least important columns are left out, and a line below says which; in a
    pipe all columns are written at full width.
    """
    if not tables:
        _say(console, "No results yet: heptathlon run makes some.")
        return
    for device, group in groupby(tables, key=lambda table: table.device):
        _say(console, device, style="bold cyan")
        for table in group:
            _show(board(table), console)
        _say(console, "")
    _say(
        console,
        "mean ± half width of its 95 % interval over seeds; ↑ ↓ where better lies; ref: unranked reference",
        style="dim",
    )
    _say(
        console,
        "; ".join(column.note for column in COLUMNS if column.note) + "; methods that failed on a seed are unranked",
        style="dim",
    )


def _show(drawn: Board, console: Console) -> None:
    table = drawn.table
    _say(console, "")
    _say(console, f"{formatting.track(table.track)}, {table.tier} tier", style="bold")
    grid, left_out = _fitting(drawn, console)
    console.print(grid, crop=False)
    for run, text in drawn.failures:
        _say(console, f"  {run}: {text}", style="red")
    for note in table.notes + table.set_aside:
        _say(console, f"  {note}", style="yellow")
    if left_out:
        _say(console, f"  not shown at this width: {', '.join(left_out)}", style="dim")


def _fitting(drawn: Board, console: Console) -> tuple[Grid, list[str]]:
    """Draw the grid with as many columns as the terminal holds; return it with the names of those left out."""
    # Those with an arrow are metrics, whatever they are called, and stay.
    kinds = ["" if heading.arrow else "rate" if heading.rate else heading.name for heading in drawn.headings]
    from_the_right = [*enumerate(kinds)][::-1]
    expendable = [position for kind in _EXPENDABLE for position, other in from_the_right if other == kind]
    left_out: list[int] = []
    grid = _grid(drawn, left_out, console)
    while console.is_terminal and (grid.width or 0) > console.width and len(left_out) < len(expendable):
        left_out.append(expendable[len(left_out)])
        grid = _grid(drawn, left_out, console)
    headings = [drawn.headings[position] for position in left_out]
    return grid, [f"{heading.name} {heading.unit}" if heading.rate else heading.name for heading in headings]


def _say(console: Console, text: str, *, style: str = "") -> None:
    console.print(_text(text, console, style=style), soft_wrap=not console.is_terminal)


def _grid(drawn: Board, left_out: Sequence[int], console: Console) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    shown = [position for position in range(len(drawn.headings)) if position not in left_out]
    lines = [_cells(line, drawn) for line in drawn.lines]
    for position in shown:
        heading = drawn.headings[position]
        needed = max([len(cells[position]) for cells in lines] + [len(word) for word in heading.text.split()])
        grid.add_column(
            _text("\n".join(textwrap.wrap(heading.text, needed)), console),
            justify="right" if heading.numeric else "left",
            header_style="bold" if heading.primary else "dim",
            style="bold" if heading.primary else "",
            vertical="bottom",
            no_wrap=True,
        )
    for line, cells in zip(drawn.lines, lines, strict=True):
        grid.add_row(*(_text(cells[position], console) for position in shown), style="dim" if line.mark else "")
    grid.width = Measurement.get(console, console.options.update(max_width=_WIDEST), grid).maximum
    return grid


def _cells(line: Line, drawn: Board) -> list[str]:
    """A line's texts, with its mark where a terminal has room: the missing rank, or the missing result."""
    texts = []
    for heading, cell in zip(drawn.headings, line.cells, strict=True):
        text = cell.text.removeprefix("arXiv:")
        if heading.name == "#" and line.role == "reference":
            text = "ref"
        elif heading.primary and cell.value is None:
            text = line.mark or text
        texts.append(text)
    return texts


def _text(text: str, console: Console, *, style: str = "") -> Text:
    """Plain text, never markup: a record's words must not style the table. ASCII terminals get ASCII signs."""
    if console.options.ascii_only:
        text = text.translate(_ASCII).encode("ascii", "replace").decode()
    return Text(text, style=style)
