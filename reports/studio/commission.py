"""All figures of a report: those that the cabinet has, and the others drawn anew."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.results.ranking import Table
from reports.drawing.canvas import Draw
from reports.drawing.palette import styles
from reports.studio import painter
from reports.studio.cabinet import Cabinet
from reports.studio.easel import side_by_side
from reports.studio.painter import Broken, Drawn, Sheet

Key = tuple[str, str, str]
"""(device, track, tier)."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A figure to be: the one at this position of the track's."""

    sheet: Sheet
    position: int
    function: Draw
    at: str
    """Where the cabinet keeps it."""


def draw(
    tables: Sequence[Table],
    *,
    processes: int = 0,
    kept: Path | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> dict[Key, list[Drawn]]:
    """Draw every table's figures: (device, track, tier) -> figures. A figure without data is left out.

    processes: at most; 0 draws in this one, which a figure can hang or crash;  kept: a folder for what was drawn, which
    may be lost, damaged or read-only;  advance: told the share of the work that was done since
    """
    chosen, cabinet = styles(tables), Cabinet(kept)
    found: dict[Key, dict[int, Drawn]] = {_key(table): {} for table in tables}
    missing = []
    for table in tables:
        sheet = Sheet(table, {row.method: chosen[row.method] for row in table.rows})
        shelf = cabinet.shelf(sheet)
        functions, broken = painter.functions(table.track)
        if broken is not None:
            found[_key(table)][len(functions)] = broken
        for position, function in enumerate(functions):
            piece = _Piece(sheet, position, function, f"{shelf}-{position}")
            try:
                _put(found, piece, cabinet.find(piece.at))
            except KeyError:
                missing.append(piece)
    with contextlib.closing(_drawn(missing, processes)) as now:
        for piece, drawn in now:
            if not isinstance(drawn, Broken):
                cabinet.keep(piece.at, drawn)
            _put(found, piece, drawn)
            advance(1 / len(missing))
    cabinet.tidy()
    return {key: [drawn for _, drawn in sorted(drawings.items())] for key, drawings in found.items()}


def _key(table: Table) -> Key:
    return table.device, table.track, table.tier


def _put(found: dict[Key, dict[int, Drawn]], piece: _Piece, drawn: Drawn | None) -> None:
    if drawn is not None:
        found[_key(piece.sheet.table)][piece.position] = drawn


def _drawn(pieces: Sequence[_Piece], processes: int) -> Generator[tuple[_Piece, Drawn | None]]:
    """Draw, in any order; beside this process if that is asked for and if a process can be started."""
    left = dict(enumerate(pieces))
    if processes:
        pickled = {key: pickle.dumps(sheet) for key, sheet in {_key(p.sheet.table): p.sheet for p in pieces}.items()}
        sheets = [pickled[_key(piece.sheet.table)] for piece in pieces]
        order = sorted(left, key=lambda index: -len(sheets[index]))  # what takes longest first
        requests = (painter.ask(sheets[index], pieces[index].position) for index in order)
        asked = side_by_side(painter.answer, requests, processes)
        with contextlib.suppress(OSError), contextlib.closing(asked):  # where no process can be started, draw here
            for position, answer in asked:
                piece = left.pop(order[position])
                if isinstance(answer, str):
                    yield piece, Broken(painter.name(piece.function), answer)
                else:
                    yield piece, painter.unpacked(answer)
    for piece in left.values():
        yield piece, painter.paint(piece.sheet.subject(), piece.function)
