"""Figures of joint training: what they draw of languages, families and looks, and when they draw nothing."""

from __future__ import annotations

import matplotlib.figure as mpl_figure
import numpy as np
import pytest

from reports.figures.forgetting import translations
from tests.reports.drawn import captured, drawn
from tests.reports.figures.forgetting.translation_records import FAMILIES, LANGUAGES, translated

pytestmark = pytest.mark.usefixtures("no_general_figures")

RECORDS = [translated(method, seed) for method in ("sum", "gradvac") for seed in range(3)]
ALONE = [translated("alone", seed, shared=False, role="reference") for seed in range(3)]
NAMES = {"bleu-by-language", "cosines-by-family", "cosines-over-training", "cosine-by-distance"}


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    return captured(monkeypatch, translations)


def words(drawing: mpl_figure.Figure) -> list[str]:
    return [text.get_text() for axes in drawing.axes for text in axes.texts]


def test_all_figures_and_the_same_svg_each_time() -> None:
    once, again = drawn(RECORDS + ALONE), drawn(RECORDS + ALONE)
    assert set(once) == NAMES
    assert {name: figure.svg for name, figure in once.items()} == {name: figure.svg for name, figure in again.items()}
    assert "sum 43.7 and 20.0" in once["bleu-by-language"].alt
    assert "sum 0.200 and -0.100" in once["cosines-by-family"].alt
    assert "Pairs in conflict in the end: gradvac 66 %; sum 66 %" in once["cosines-over-training"].alt


def test_a_cell_is_a_mean_over_seeds(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS + ALONE)
    (axes,) = drawings["bleu-by-language"].axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["Vela", "Velor*", "Dhur"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["gradvac", "sum", "alone (ref.)"]
    assert words(drawings["bleu-by-language"]).count("51.0") == 3
    assert {"Velic", "Dhuran"} < set(words(drawings["bleu-by-language"]))


def test_a_matrix_is_symmetric_and_lines_part_families(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS + ALONE)
    shown = [axes for axes in drawings["cosines-by-family"].axes if axes.get_visible() and axes.axison]
    assert [axes.get_title("left") or axes.get_title() for axes in shown] == ["gradvac", "sum"]
    for axes in shown:
        values = np.ma.filled(axes.collections[0].get_array().reshape(3, 3), np.nan)
        np.testing.assert_allclose(values, values.T)
        np.testing.assert_allclose(values[0], [np.nan, 0.2, -0.1])
        assert [line.get_xdata()[0] for line in axes.lines][:1] == [1.5]
    assert len(LANGUAGES) == len(FAMILIES)


def test_kin_and_strangers_are_told_apart(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    (axes,) = drawings["cosine-by-distance"].axes
    kin, strangers = axes.lines[:2]
    assert list(kin.get_xdata()) == [0.3] * 3
    assert list(strangers.get_xdata()) == pytest.approx([0.9, 0.8, 0.9, 0.81, 0.9, 0.82])


def test_without_shared_weights_there_are_no_cosines() -> None:
    assert set(drawn(ALONE)) == {"bleu-by-language"}
