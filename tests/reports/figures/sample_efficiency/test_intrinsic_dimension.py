from __future__ import annotations

import matplotlib.figure as mpl_figure
import numpy as np
import pytest
from matplotlib.axes import Axes

from reports.drawing import sheet
from reports.figures.sample_efficiency import intrinsic_dimension, tie
from tests.reports.drawn import captured, drawn
from tests.reports.figures.sample_efficiency.estimated import estimated

pytestmark = pytest.mark.usefixtures("no_general_figures")

RECORDS = [
    estimated(name, seed, **words)
    for name, words in (
        ("mle", {}),
        ("mle-released", {"factor": 0.5, "growth": 0.9}),
        ("pca", {"factor": 9.0}),
    )
    for seed in range(3)
]


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    return captured(monkeypatch, intrinsic_dimension, tie, sheet)


def titles(drawing: mpl_figure.Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in drawing.axes]


def heights(axes: Axes, count: int) -> list[list[float]]:
    """Of all lines of so many points."""
    found = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines if line.get_linestyle() != "None"]
    return [each.tolist() for each in found if len(each) == count]


def test_all_figures_in_their_order_and_the_same_svg_each_time() -> None:
    found = drawn(RECORDS)
    assert list(found) == [
        "estimate-against-truth",
        "estimate-by-neighbours",
        "estimate-by-points",
        "samples-against-dimension",
    ]
    assert [figure.svg for figure in found.values()] == [figure.svg for figure in drawn(RECORDS[::-1]).values()]
    assert "mle 32.0 of 64" in found["estimate-against-truth"].alt


def test_truth_is_the_dotted_line_and_saturation_shows(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    drawing = drawings["estimate-against-truth"]
    assert titles(drawing) == ["cubes, spheres, waves", "decoder", "network (at most)"]
    decoder = drawing.axes[1]
    assert [2.0, 6.0] in heights(decoder, 2)  # log2 of 4 and of 64
    assert any(each == pytest.approx([2, 5], abs=0.01) for each in heights(decoder, 2))  # 64 is taken for 32
    assert [text.get_text() for text in decoder.get_xticklabels()] == ["4", "64"]


def test_whose_the_growth_over_k_is(drawings: dict[str, mpl_figure.Figure]) -> None:
    said = drawn(RECORDS)["estimate-by-neighbours"].caption
    assert "change by +90 % and by +0 % on mnist, by +90 % and by +0 % on glyphs" in said
    assert "the growth with k in the paper's table is the estimator's" in said
    assert "Crosses: table 1 of arXiv:2104.08894." in said
    assert "Far above, and not drawn: pca at 108 of mnist; pca at 108 of glyphs." in said
    mnist, glyphs = drawings["estimate-by-neighbours"].axes
    crosses = [line for line in mnist.lines if line.get_marker() == "x"]
    assert np.asarray(crosses[0].get_ydata()).tolist() == [7, 11, 12, 13]
    assert [line for line in glyphs.lines if line.get_marker() == "x"] == []
    assert [text.get_text() for text in mnist.get_xticklabels()] == ["3", "5", "20"]


def test_growth_that_both_have_is_no_fault_of_the_estimator() -> None:
    both = [estimated(name, growth=0.5) for name in ("mle", "mle-released")]
    said = drawn(both)["estimate-by-neighbours"].caption
    assert "change by +50 % and by +50 % on mnist" in said
    assert "is the estimator's" not in said


def test_estimates_stand_by_the_number_of_images(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    mnist = drawings["estimate-by-points"].axes[0]
    assert [text.get_text() for text in mnist.get_xticklabels()] == ["400", "1,600"]
    assert any(each == pytest.approx([11.01, 12.01]) for each in heights(mnist, 2))


def test_samples_stand_above_the_estimates_of_the_same_data(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn([estimated("mle", seed, bound=1.0) for seed in range(2)])
    drawing = drawings["samples-against-dimension"]
    assert titles(drawing)[:3] == ["varied: latent", "varied: ambient", "varied: noise"]
    above, below = drawing.axes[0], drawing.axes[3]
    middle = 2**0.5  # of the factors 1 and 2 of the two seeds
    assert any(each == pytest.approx([20 * middle, 80 * middle, 160 * middle]) for each in heights(above, 3))
    assert [line.get_marker() for line in above.lines].count("^") == 1
    assert any(each == pytest.approx([2, 8, 16]) for each in heights(below, 3))
    assert below.get_xlabel() == "latent dimension, in 256 pixels"


def test_records_without_curves_or_names_draw_nothing() -> None:
    assert drawn([estimated("mle", curves={})]) == {}
    assert drawn([estimated("mle", names={})]) == {}
