"""What tests of figures do with records: draw them, and look at the figures by name."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmark.ranking import tables
from benchmark.record import Record
from reports import figures
from reports.figures import Figure


def drawn(records: list[Record]) -> dict[str, Figure]:
    """All figures of the only table by name, which must be whole."""
    (found,) = figures.draw(tables(records)).values()
    for figure in found:
        ElementTree.fromstring(figure.svg)
        assert "nan" not in figure.svg
    return {figure.path.rpartition("/")[2].removesuffix(".svg"): figure for figure in found}


def own(records: list[Record]) -> dict[str, Figure]:
    """The same without the figures that every track has."""
    return {name: figure for name, figure in drawn(records).items() if not name.startswith("primary")}
