"""What tests of figures do with records: draw them, and look at the figures by name."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from xml.etree import ElementTree

import pytest
from matplotlib import figure as mpl_figure

from benchmark.results.ranking import tables
from benchmark.results.record import Record
from reports.drawing import canvas
from reports.drawing.canvas import Figure
from reports.studio import commission
from reports.studio.painter import Broken, Drawn


def whole(found: Sequence[Drawn]) -> list[Figure]:
    """The same figures, of which none is broken."""
    assert [each for each in found if isinstance(each, Broken)] == []
    return [each for each in found if isinstance(each, Figure)]


def drawn(records: list[Record]) -> dict[str, Figure]:
    """All figures of the only table by name, which must be whole."""
    (found,) = commission.draw(tables(records)).values()
    for figure in whole(found):
        ElementTree.fromstring(figure.svg)
        assert "nan" not in figure.svg
    return {figure.path.rpartition("/")[2].removesuffix(".svg"): figure for figure in whole(found)}


def own(records: list[Record]) -> dict[str, Figure]:
    """The same without the figures that every track has."""
    return {name: figure for name, figure in drawn(records).items() if not name.startswith("primary")}


def captured(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> dict[str, mpl_figure.Figure]:
    """Drawings of these modules by name, filled as `finish` gets them; they are not saved, which takes most of the
    time."""
    found: dict[str, mpl_figure.Figure] = {}

    def finish(drawing: mpl_figure.Figure, subject: canvas.Subject, name: str, **words: str) -> Figure:
        found[name] = drawing
        return Figure(f"figures/{name}.svg", "<svg/>", 0, 0, words["caption"], words["alt"])

    for module in modules:
        monkeypatch.setattr(module, "finish", finish)
    return found
