"""Draws one figure; this is what a process of its own is asked to do."""

from __future__ import annotations

import gc
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache

from benchmark.results.ranking import Table
from reports import figures
from reports.drawing.canvas import Draw, Figure, Subject, look
from reports.drawing.palette import Style
from reports.tables import frames


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that the figures of a table can show: the table, and the styles of its methods."""

    table: Table
    styles: Mapping[str, Style]

    def subject(self) -> Subject:
        """What functions that draw are given."""
        return Subject(self.table, frames.summary([self.table]), self.styles)


@dataclass(frozen=True, slots=True)
class Broken:
    """A figure that could not be drawn. name: `accuracy-over-time`;  error: one line."""

    name: str
    error: str


Drawn = Figure | Broken


def name(function: Draw) -> str:
    """What to call a figure that was not drawn."""
    return getattr(function, "__name__", "figure").replace("_", "-")


def functions(track: str) -> tuple[tuple[Draw, ...], Broken | None]:
    """What draws a track's tables, and why there is no more of it if its module is broken."""
    try:
        return figures.figures_of(track), None
    except Exception as error:  # noqa: BLE001  a module may fail in any way as it is imported
        return figures.GENERAL, Broken(f"module of {track}", said(error))


def paint(subject: Subject, function: Draw) -> Drawn | None:
    """Draw a figure, None if it has no data."""
    try:
        with look():
            return function(subject)
    except Exception as error:  # noqa: BLE001  whatever it is, the page says so
        return Broken(name(function), said(error))


def said(error: Exception) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def ask(sheet: bytes, position: int) -> bytes:
    """Say to `answer` what to draw. sheet: pickled, once for all its figures."""
    return position.to_bytes(4, "big") + sheet


def answer(request: bytes) -> bytes:
    """Draw what was asked for, in a process that does nothing else."""
    subject = _subject(request[4:])
    gc.disable()  # a figure is a few hundred thousand objects that refer to each other, of which none goes before it
    try:
        return packed(paint(subject, functions(subject.table.track)[0][int.from_bytes(request[:4], "big")]))
    finally:
        gc.collect()


@lru_cache(maxsize=1)
def _subject(sheet: bytes) -> Subject:
    loaded: Sheet = pickle.loads(sheet)
    gc.freeze()  # modules and records: never looked through again
    return loaded.subject()


def packed(drawn: Drawn | None) -> bytes:
    """Write what was drawn as data."""
    return json.dumps(None if drawn is None else [type(drawn).__name__, asdict(drawn)]).encode()


def unpacked(data: bytes) -> Drawn | None:
    """Read what `packed` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    read = json.loads(data)
    if read is None:
        return None
    kind, fields = read
    return Figure(**fields) if kind == "Figure" else Broken(**fields)
