from __future__ import annotations

import matplotlib.figure as mpl_figure
import numpy as np
import pytest
import torch
from matplotlib.lines import Line2D

from benchmark.results.pictures import sheet
from benchmark.results.record import Record
from reports.figures.test_time_shift import corruption
from reports.figures.test_time_shift.corruption import SETTINGS
from tests.reports.drawn import captured, drawn
from tests.reports.figures.test_time_shift.stream import streamed

pytestmark = pytest.mark.usefixtures("no_general_figures")

OWN = {"errors-by-corruption", "over-the-stream", "gain-over-statistics", "settings-and-cost"}
RECORDS = [
    streamed(name, seed, error=error, learned=learned, speed=speed)
    for name, error, learned, speed in (("source", 40, 0, 4000), ("batch-norm", 20, 0, 2000), ("tent", 18, 4, 1000))
    for seed in range(3)
]


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    """The drawings by name."""
    return captured(monkeypatch, corruption)


def lines(drawing: mpl_figure.Figure, panel: int) -> list[Line2D]:
    return [line for line in drawing.axes[panel].lines if len(line.get_xydata()) == 4]  # type: ignore[arg-type]


def test_all_figures_and_the_same_svg_each_time() -> None:
    first, second = drawn(RECORDS), drawn(RECORDS[::-1])
    assert set(first) == OWN
    assert {name: figure.svg for name, figure in first.items()} == {n: figure.svg for n, figure in second.items()}
    assert all("3 seeds" in figure.caption for figure in first.values())


def test_the_sheet_is_shown_where_a_record_has_it() -> None:
    picture = sheet(torch.rand(2, 2, 1, 4, 4), rows=["clean", "1"], columns=["fog", "snow"])
    assert set(drawn([*RECORDS, streamed("eata", 0, pictures={"corruptions": picture})])) == OWN | {"corruptions"}


def test_cells_are_means_over_seeds(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn(RECORDS)["errors-by-corruption"].alt
    panels = [axes for axes in drawings["errors-by-corruption"].axes if axes.images]
    assert [axes.get_title() for axes in panels] == ["tent", "batch-norm", "source"]
    cells = np.asarray(panels[1].images[0].get_array())
    assert cells.shape == (15, 5)
    assert cells[3].tolist() == pytest.approx([20 * severity / 5 + 0.3 + 1 for severity in range(1, 6)])
    assert "batch-norm 5.7 % at severity 1, 9.7 % at severity 2, 13.7 % at severity 3" in alt
    assert "21.7 % at severity 5, worst under jpeg compression" in alt
    assert len({(image.norm.vmin, image.norm.vmax) for axes in panels for image in axes.images}) == 1


def test_cells_that_are_missing_are_left_white(drawings: dict[str, mpl_figure.Figure]) -> None:
    partly = {"heat": {"corruption": [0.0, 14.0, 99.0], "severity": [5.0, 5.0, 5.0], "error": [10.0, 30.0, 50.0]}}
    alt = drawn([streamed("tent", curves=partly)])["errors-by-corruption"].alt
    cells = np.asarray(drawings["errors-by-corruption"].axes[0].images[0].get_array(), dtype=float)
    assert int(np.isfinite(cells).sum()) == 2
    assert "tent 20.0 % at severity 5, worst under jpeg compression" in alt


def test_lines_over_the_stream(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn(RECORDS)["over-the-stream"].alt
    drawing = drawings["over-the-stream"]
    assert len(drawing.axes) == 3
    assert sorted(line.get_ydata()[-1] for line in lines(drawing, 0)) == pytest.approx([15, 21, 41])  # type: ignore[index]
    (change,) = lines(drawing, 1)
    assert change.get_ydata() == pytest.approx([-3, -4, -5, -6])
    assert change.get_xdata() == pytest.approx([100, 200, 300, 400])
    assert len(lines(drawing, 2)) == 3
    assert "Points of error against batch-norm: tent -3.00 and -6.00" in alt


def test_without_batch_norm_there_is_no_comparison(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn([streamed("source"), streamed("tent")])
    assert len(drawings["over-the-stream"].axes) == 2


def test_settings_and_cost(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn([*RECORDS, streamed("oracle", role="reference", speed=500)])["settings-and-cost"].alt
    left, right = drawings["settings-and-cost"].axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["tent", "batch-norm", "source", "oracle (ref.)"]
    assert [bar.get_width() for bar in right.patches] == pytest.approx([1, 0.5, 0.25, 2])
    assert len(left.get_legend_handles_labels()[1]) == len(SETTINGS)
    assert "tent 19.0 % long stream, 19.1 % short stream, 19.2 % no reset" in alt
    assert "1 ms per image" in alt


def test_a_tier_that_shows_one_severity_and_the_primary_setting(drawings: dict[str, mpl_figure.Figure]) -> None:
    def one(record: Record) -> Record:
        heat = {"corruption": [float(place) for place in range(15)], "severity": [5.0] * 15, "error": [7.0] * 15}
        metrics = {name: record.metrics[name] for name in ("error_severity_5", "clean_error")}
        return record.model_copy(update={"metrics": metrics, "curves": record.curves | {"heat": heat}})

    figures = drawn([one(record) for record in RECORDS])
    assert set(figures) == OWN
    assert np.asarray(drawings["errors-by-corruption"].axes[0].images[0].get_array()).shape == (15, 1)
    assert "sorted" not in figures["settings-and-cost"].caption + figures["settings-and-cost"].alt
    assert "in the settings that were run: long stream, clean. " in figures["settings-and-cost"].caption
    assert "Sorted" not in figures["gain-over-statistics"].alt


def test_other_curves_and_failures_give_no_figure() -> None:
    assert drawn([streamed("tent", status="crashed")]) == {}


def test_records_that_disagree_about_names_or_say_none_are_not_labelled() -> None:
    other = streamed("source", 1, names={"corruption": ["others"] * 15})
    assert "errors-by-corruption" not in drawn([streamed("tent"), other])
    assert "errors-by-corruption" not in drawn([streamed("tent", names={})])
