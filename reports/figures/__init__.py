"""Figures of the report: which functions draw a track's tables. Works without torch and without a display.

`reports/figures/<task>/<track>.py` lists in `FIGURES` what is drawn of a track; every track also gets general ones.
"""

from __future__ import annotations

import importlib
import importlib.util

from reports.drawing.canvas import Draw
from reports.figures import general

GENERAL: tuple[Draw, ...] = (general.primary, general.primary_against_seconds)


def figures_of(track: str) -> tuple[Draw, ...]:
    """The functions that draw a track's tables, general ones first; no others for a track without a module here."""
    task, _, name = track.partition(".")
    if not (task.isidentifier() and name.isidentifier()):
        return GENERAL
    folder = importlib.util.find_spec(f"{__name__}.{task}")
    if folder is None or folder.submodule_search_locations is None:  # a module beside the tasks', as `general`
        return GENERAL
    module = f"{__name__}.{task}.{name}"
    if importlib.util.find_spec(module) is None:
        return GENERAL
    own: tuple[Draw, ...] = importlib.import_module(module).FIGURES
    return GENERAL + own
