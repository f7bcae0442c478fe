from __future__ import annotations

import matplotlib.figure as mpl_figure
import numpy as np
import pytest
from matplotlib.axes import Axes

from benchmark.results.record import Record
from reports import figures
from reports.drawing import sheet
from reports.figures.sample_efficiency import architecture, laws
from tests.reports.drawn import captured, drawn
from tests.reports.figures.sample_efficiency.searched import DIMENSIONS, searched

pytestmark = pytest.mark.usefixtures("no_general_figures")

RECORDS = [
    searched(name, seed, powers=powers, **words)
    for name, powers, words in (
        ("cnn", {"halves": 0.0, "signs": 0.0}, {"at_once": "signs"}),
        ("fc", {"halves": 2.0, "signs": 1.0}, {"never": "signs"}),
    )
    for seed in range(3)
]


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    return captured(monkeypatch, architecture, laws, sheet)


def line(axes: Axes, height: float) -> list[float]:
    """The heights of the drawn line that ends there."""
    heights = [np.asarray(each.get_ydata(), dtype=float).tolist() for each in axes.lines if each.get_linestyle() == "-"]
    (found,) = (each for each in heights if len(each) == len(DIMENSIONS) and each[-1] == pytest.approx(height))
    return list(found)


def test_all_figures_in_their_order_and_the_same_svg_each_time() -> None:
    found = drawn(RECORDS)
    assert list(found) == ["samples-by-dimension", "exponents", "accuracy-by-size"]
    assert [figure.svg for figure in found.values()] == [figure.svg for figure in drawn(RECORDS[::-1]).values()]
    said = found["samples-by-dimension"]
    assert "3 seeds" in said.caption
    assert "halves: which has more energy: cnn d^0.0 ± 0.0; fc d^2.0 ± 0.0" in said.alt
    assert "signs: of the one entry: cnn d^0.0 ± 0.0; fc d^≥ 1.0" in said.alt
    assert "fc ≥ 1.0" in found["exponents"].alt


def test_laws_are_drawn_through_the_geometric_means(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    halves, signs = drawings["samples-by-dimension"].axes
    middle = 10 * float(np.exp(np.log([1, 1.1, 1.2]).mean()))
    assert line(halves, middle * 256) == pytest.approx([middle * 64, middle * 256])
    assert line(halves, middle) == pytest.approx([middle, middle])
    assert (halves.get_xscale(), halves.get_yscale()) == ("log", "log")
    dotted = [each for each in halves.lines if each.get_linestyle() not in ("-", "None")]
    assert [list(np.asarray(each.get_ydata(), dtype=float)) for each in dotted] == [[36.0, 136.0]]
    assert [text.get_text() for text in halves.get_xticklabels()] == ["8", "16"]
    markers = [each.get_marker() for each in signs.lines]
    assert markers.count("^") >= 1  # fc at 16 dimensions: never
    assert markers.count("v") >= 2  # cnn at both: at once


def test_exponents_stand_in_a_panel_for_each_setting(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    halves, signs = drawings["exponents"].axes
    assert [axes.get_title(loc="left") for axes in (halves, signs)] == ["halves", "signs"]
    assert [text.get_text() for text in halves.get_yticklabels()] == ["cnn", "fc"]
    assert ">" in [each.get_marker() for each in signs.lines]
    assert ">" not in [each.get_marker() for each in halves.lines if each.get_markerfacecolor() == "white"]


def test_accuracy_is_in_percent_by_size(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    first, second = drawings["accuracy-by-size"].axes
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["d = 8", "d = 16"]
    assert [text.get_text() for text in first.get_xticklabels()] == ["16", "64"]
    heights = [np.asarray(each.get_ydata(), dtype=float) for each in first.lines]
    heights = [each for each in heights if len(each) == 3]
    assert all(each == pytest.approx([71, 81, 91]) for each in heights)


@pytest.mark.parametrize(
    "record",
    [
        searched("fc", powers={"halves": 2.0}, curves={}),
        searched("fc", powers={"halves": 2.0}, names={}),
    ],
)
def test_records_without_curves_or_names_draw_nothing_of_them(record: Record) -> None:
    assert set(drawn([record])) <= {"accuracy-by-size"}


def test_one_seed_has_no_intervals() -> None:
    said = drawn([searched("fc", powers={"halves": 2.0})])["samples-by-dimension"]
    assert "fc d^2.0" in said.alt
    assert "±" not in said.alt


def test_figures_are_those_of_the_track() -> None:
    assert figures.figures_of("sample_efficiency.architecture")[-4:] == architecture.FIGURES
