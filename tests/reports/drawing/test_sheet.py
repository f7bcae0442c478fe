from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from benchmark.results.pictures import sheet as pictured
from benchmark.results.ranking import tables
from reports.drawing import sheet as sheet_module
from reports.drawing.canvas import Figure, Subject, look
from reports.drawing.sheet import sheet
from reports.studio import commission
from tests.reports.drawn import captured
from tests.reports.factory import record


def drawn(channels: int = 3, columns: Sequence[str] = ("colour", "light", "camera"), **fields: Any) -> Figure | None:
    tiles = torch.linspace(0, 1, 2 * 3 * channels * 4 * 5).view(2, 3, channels, 4, 5)
    picture = pictured(tiles, rows=["mild", "strong"], columns=columns)
    (table,) = tables([record("a", 0), record("b", 0), record("b", 1, pictures={"frames": picture}, **fields)])
    with look():
        return sheet("frames", caption="What is seen.")(Subject(table, None, {}))  # type: ignore[arg-type]


def test_the_first_record_with_the_picture_gives_it() -> None:
    figure = drawn()
    assert figure is not None
    assert figure.path.endswith("/frames.svg")
    assert figure.caption == "What is seen. Seed 1."
    assert "mild, strong; each for colour, light, camera" in figure.alt
    assert "<image" in figure.svg
    ElementTree.fromstring(figure.svg)


def test_grey_tiles_and_equal_text_twice() -> None:
    first, second = drawn(1), drawn(1)
    assert first is not None
    assert second is not None
    assert first.svg == second.svg


@pytest.mark.parametrize("columns", [("a", "b", "c"), ("impulse noise", "gaussian noise", "jpeg compression")])
def test_no_room_is_left_around_tiles_and_names(monkeypatch: pytest.MonkeyPatch, columns: Sequence[str]) -> None:
    drawings = captured(monkeypatch, sheet_module)
    drawn(columns=columns)
    drawing = drawings["frames"]
    drawing.draw_without_rendering()
    box = drawing.axes[0].get_tightbbox()
    assert box is not None
    for used, whole in ((box.width, drawing.bbox.width), (box.height, drawing.bbox.height)):
        assert whole - 0.3 * drawing.dpi < used <= whole


def test_without_a_picture_there_is_no_figure() -> None:
    (table,) = tables([record()])
    with look():
        assert sheet("frames", caption="")(Subject(table, None, {})) is None  # type: ignore[arg-type]
    assert commission.draw([table])
