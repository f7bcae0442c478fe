from __future__ import annotations

from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text

from benchmark.results.ranking import tables
from benchmark.results.record import Record
from reports.drawing import canvas, labels, palette
from reports.figures.general import pareto
from reports.studio import commission
from reports.tables import frames
from tests.reports.drawn import whole
from tests.reports.factory import record


def test_every_figure_is_svg_that_loads_nothing(results: list[Record]) -> None:
    for drawn in commission.draw(tables(results)).values():
        assert len(drawn) == 4
        for figure in whole(drawn):
            root = ElementTree.fromstring(figure.svg)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert "date" not in figure.svg.lower()
            assert "3 seeds" in figure.caption


@pytest.mark.parametrize("seconds", [290.5216487865023, 0.1, 1.0, 12345.678])
def test_one_method_alone_has_axes_with_a_width(seconds: float) -> None:
    """Warnings are errors here: limits that differed by rounding alone made matplotlib divide by zero."""
    (drawn,) = commission.draw(tables([record("gpm", 0, seconds=seconds), record("gpm", 1, seconds=seconds)])).values()
    assert [figure.path.rpartition("/")[2] for figure in whole(drawn)] == [
        "primary.svg",
        "primary-against-seconds.svg",
        "accuracy-against-forgetting.svg",
        "accuracy-over-time.svg",
    ]
    assert all("nan" not in figure.svg for figure in whole(drawn))


def test_drawing_leaves_matplotlib_as_it_was(results: list[Record]) -> None:
    before = dict(mpl.rcParams)
    commission.draw(tables(results))
    assert dict(mpl.rcParams) == before


def test_pareto_front_against_the_definition() -> None:
    rng = np.random.default_rng(0)
    for sign in (1, -1):
        points = [(float(cost), float(quality)) for cost, quality in rng.integers(0, 8, size=(40, 2))]
        front = {
            (cost, quality)
            for cost, quality in points
            if not any(c <= cost and sign * q >= sign * quality and (c, q) != (cost, quality) for c, q in points)
        }
        assert set(pareto(points, higher_is_better=sign > 0)) == front


def test_methods_keep_their_colour_and_share_none_within_a_track() -> None:
    nine = [record(name) for name in ("a", "b", "c", "d", "e", "f", "g", "h", "i")]
    other = [record(name, track="forgetting.split") for name in ("a", "x")]
    styles = palette.styles(tables(nine + other))
    assert len({styles[name].colour for name in "abcdefghi"}) == 9
    assert styles["a"].colour != styles["x"].colour
    assert palette.styles(tables([record("a")]))["a"] == styles["a"]


def test_more_methods_than_hues_still_have_styles() -> None:
    names = [f"m{number}" for number in range(25)]
    styles = palette.styles(tables([record(name) for name in names]))
    assert set(styles) == set(names)
    assert len(set(styles.values())) == len(names), "a hue that comes again has another marker"


def test_references_are_grey() -> None:
    styles = palette.styles(tables([record("joint", role="reference")]))
    assert styles["joint"].colour == palette.REFERENCE


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_labels_do_not_overlap(spread: float) -> None:
    rng = np.random.default_rng(0)
    with canvas.look():
        drawing = canvas.new(5, 4)
        axes = drawing.add_subplot()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        points = 0.3 + 0.4 * rng.random((9, 2))
        names = [labels.Label(f"method-{i}", float(x), float(y), (spread, spread)) for i, (x, y) in enumerate(points)]
        labels.place(axes, names)
        boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 9
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])


def test_summary_frame_has_full_precision_and_a_row_for_failures(results: list[Record]) -> None:
    failed = record("ogd", status="crashed")
    frame = frames.summary(tables([*results, failed]))
    gpm = frame.filter(method="gpm", metric="ACC", device="cpu-test-2c").to_dicts()[0]
    assert (gpm["n"], gpm["mean"], gpm["unit"], gpm["primary"], gpm["rank"]) == (3, 81.0, "%", True, 1)
    assert gpm["half_width_95"] == pytest.approx(2.484, abs=1e-3)  # 4.303 / sqrt(3)
    ogd = frame.filter(method="ogd").to_dicts()[0]
    assert (ogd["metric"], ogd["mean"], ogd["n"], ogd["failures"]) == (None, None, 0, 1)


def test_curve_frame_skips_damaged_curves() -> None:
    whole, damaged = record("a"), record("b", curves={"accuracy": {"after_task": [0.0], "task": [0.0, 1.0]}})
    frame = frames.curve(tables([whole, damaged])[0], "accuracy", ("after_task", "task", "accuracy"))
    assert frame["method"].unique().to_list() == ["a"]
    assert frame.columns == ["method", "seed", "after_task", "task", "accuracy"]


@pytest.mark.parametrize(("low", "high"), [(-1e9, 1e9), (0.0, 100.0)])
def test_spread_keeps_order_gap_and_bounds(low: float, high: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = rng.uniform(0, 100, size=8).tolist()
        moved = labels.spread(values, 11.0, low, high)
        order = np.argsort(values)
        assert (np.diff(np.array(moved)[order]) >= 11.0 - 1e-9).all()
        assert min(moved) >= low
        assert max(moved) <= high


def test_spread_moves_no_more_than_it_must() -> None:
    assert labels.spread([5.0, 90.0, 40.0], 10.0, 0.0, 100.0) == [5.0, 90.0, 40.0]
    assert labels.spread([50.0, 50.0, 50.0], 10.0, 0.0, 100.0) == [40.0, 50.0, 60.0]
    assert labels.spread([99.0, 100.0], 10.0, 0.0, 100.0) == [90.0, 100.0]


def test_listed_labels_are_apart_and_inside_the_figure() -> None:
    with canvas.look():
        drawing = canvas.new(3.9, 3.1)
        axes = drawing.add_subplot()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        names = [labels.Label(f"a-long-method-{i}", 0.9, 0.99) for i in range(9)]
        labels.list_right(axes, names, 1.1, ["#000000"] * 9)
        drawing.draw_without_rendering()
        boxes = [Text.get_window_extent(text) for text in axes.texts]  # an annotation's own holds its line, too
        page = drawing.bbox
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])
        assert page.x0 <= one.x0
        assert one.x1 <= page.x1
        assert one.y1 <= page.y1
