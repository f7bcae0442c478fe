"""Figures of the report: which functions draw a track's tables. Works without torch and without a display.

`reports/figures/<task>/<track>.py` lists in `FIGURES` what is drawn of a track; every track also gets general ones.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence

from benchmark.results.ranking import Table
from reports.drawing.canvas import Draw, Figure, Subject, look
from reports.drawing.palette import styles
from reports.figures import general
from reports.tables import frames

GENERAL: tuple[Draw, ...] = (general.primary, general.primary_against_seconds)


def figures_of(track: str) -> tuple[Draw, ...]:
    """The functions that draw a track's tables, general ones first; no others for a track without a module here."""
    task, _, name = track.partition(".")
    if not (task.isidentifier() and name.isidentifier()) or importlib.util.find_spec(f"{__name__}.{task}") is None:
        return GENERAL
    module = f"{__name__}.{task}.{name}"
    if importlib.util.find_spec(module) is None:
        return GENERAL
    own: tuple[Draw, ...] = importlib.import_module(module).FIGURES
    return GENERAL + own


def draw(tables: Sequence[Table]) -> dict[tuple[str, str, str], list[Figure]]:
    """Draw every table's figures: (device, track, tier) -> figures. A figure without data is left out."""
    chosen = styles(tables)
    drawn = {}
    with look():
        for table in tables:
            subject = Subject(table, frames.summary([table]), chosen)
            found = [function(subject) for function in figures_of(table.track)]
            drawn[table.device, table.track, table.tier] = [figure for figure in found if figure is not None]
    return drawn
