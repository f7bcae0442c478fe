from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.figure as mpl_figure
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from benchmark.results.record import Record
from reports import figures
from reports.drawing.canvas import Figure
from reports.figures.small_objects import examples, filters, maps, padding, positions
from reports.figures.small_objects.gallery import limit, relative
from tests.reports.drawn import captured, drawn
from tests.reports.figures.small_objects.padded import CELLS, EDGES, columns, padded, picture

pytestmark = pytest.mark.usefixtures("no_general_figures")

OWN = [
    "recall-by-position",
    "recall-by-edge",
    "gain-over-zero",
    "precision-by-class",
    "feature-maps",
    "foveation",
    "foveation-profile",
    "filter-asymmetry",
    "examples",
]
METHODS: dict[str, dict[str, Any]] = {
    "zero": {"border": 20, "lost": 10, "lopsided": 4, "size": 4},
    "zero-even": {"border": 30, "lopsided": 1},
    "mind-the-pad": {"border": 40},
    "circular": {"border": 60},
}
RECORDS = [padded(name, seed, **values) for name, values in METHODS.items() for seed in range(3)]
INSIDE = (padding, positions, maps, filters, examples)

Drawn = tuple[dict[str, Figure], dict[str, mpl_figure.Figure]]


@pytest.fixture(scope="module")
def whole() -> Iterator[Drawn]:
    """Figures, without their SVG, and drawings of `RECORDS`, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "GENERAL", ())
        drawings = captured(patch, *INSIDE)
        yield drawn(RECORDS), drawings


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    """The drawings by name."""
    return captured(monkeypatch, *INSIDE)


def shown(drawing: mpl_figure.Figure) -> list[Axes]:
    """Panels with a map, row by row."""
    return [axes for axes in drawing.axes if axes.images]


def cells(axes: Axes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(axes.images[0].get_array(), dtype=np.float64)


def test_all_figures_in_their_order_and_the_same_svg_each_time() -> None:
    records = [*RECORDS[:3], *RECORDS[-3:]]
    first, second = drawn(records), drawn(records[::-1])
    assert list(first) == OWN
    assert {name: figure.svg for name, figure in first.items()} == {n: figure.svg for n, figure in second.items()}
    assert all("3 seeds" in first[name].caption for name in OWN if name not in ("examples", "foveation-profile"))
    assert all(figure.width < 1140 for figure in first.values())


def test_recall_is_mapped_by_method_and_setting(whole: Drawn) -> None:
    panels = shown(whole[1]["recall-by-position"])
    assert [axes.get_title() for axes in panels] == ["circular", "mind-the-pad", "zero-even", "zero", *[""] * 4]
    assert [axes.title.get_fontweight() for axes in panels[:4]] == ["bold", "normal", "normal", "normal"]
    assert [axes.get_ylabel() for axes in panels[::4]] == ["trained in\nthe middle", "trained\neverywhere"]
    assert {axes.images[0].get_clim() for axes in panels} == {(0.0, 100.0)}
    zero = cells(panels[3])
    assert zero.shape == (CELLS, CELLS)
    assert (zero[1, 1], zero[0, 0], zero[-1, -1]) == pytest.approx((81, 21, 11))


def test_the_blind_spot_is_the_worst_cell_against_the_mean_of_each_seed(whole: Drawn) -> None:
    alt = whole[0]["recall-by-position"].alt
    recalls = [np.array(record.curves["positions"]["recall"][: CELLS**2]) for record in RECORDS[:3]]
    index = np.mean([100 * recall.min() / recall.mean() for recall in recalls])
    assert f"zero blind-spot index {index:.0f}, along the borders 16.0 %" in alt
    assert "Trained everywhere: circular blind-spot index " in alt
    texts = [text.get_text() for axes in shown(whole[1]["recall-by-position"]) for text in axes.texts]
    assert texts.count("blind spot\nborders") == 2
    assert any(text.startswith(f"{index:.0f} ± ") and text.endswith("\n16 ± 2") for text in texts)


def test_cells_without_objects_are_no_zeros(drawings: dict[str, mpl_figure.Figure]) -> None:
    curve = columns(("setting", "row", "column", "recall"), [(0, 0, 0, 50), (0, 1, 1, 100)])
    figure = drawn([padded("zero", curves={"positions": curve})])["recall-by-position"]
    assert "blind-spot index 67" in figure.alt
    assert np.isnan(cells(shown(drawings["recall-by-position"])[0])).tolist() == [[False, True], [True, False]]
    nothing = columns(("setting", "row", "column", "recall"), [(0, 0, 0, 0), (0, 1, 1, 0)])
    assert "blind-spot index 0" in drawn([padded("zero", curves={"positions": nothing})])["recall-by-position"].alt


def test_recall_by_edge_and_what_is_lost_at_one_end(whole: Drawn) -> None:
    alt = whole[0]["recall-by-edge"].alt
    assert "zero top 21.0 %, left 21.0 %, bottom 11.0 %, right 11.0 %" in alt
    assert "Trained everywhere: circular top 91.0 %" in alt
    first, control, lost = whole[1]["recall-by-edge"].axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["circular", "mind-the-pad", "zero-even", "zero"]
    points = [line for line in lost.lines if line.get_marker() == "o"]
    assert [float(np.asarray(line.get_xdata())[0]) for line in points] == pytest.approx(2 * [0, 0, 0, -10])
    markers = [line.get_marker() for line in control.lines if line.get_marker() in "^<v>"]
    assert markers == 4 * ["^", "<", "v", ">"]


def test_gains_are_paired_with_zero(whole: Drawn) -> None:
    alt = whole[0]["gain-over-zero"].alt
    assert "AP small: circular +20.0; mind-the-pad +10.0; zero-even +5.0." in alt
    assert "Control: recall at the border: circular +45.0" in alt
    titles = [axes.get_title() for axes in whole[1]["gain-over-zero"].axes]
    assert len(titles) == 4, "the records have no other of the compared metrics"


def test_feature_maps_are_relative_to_their_centre(whole: Drawn) -> None:
    panels = shown(whole[1]["feature-maps"])
    assert [axes.get_ylabel() for axes in panels[::4]] == ["map 1", "map 2\n(deepest)"]
    for axes in panels:
        assert cells(axes)[0] == pytest.approx(100)
        assert cells(axes)[1, 1] == pytest.approx(0)
    assert {axes.images[0].get_clim() for axes in panels} == {(-100.0, 100.0)}
    assert [cells(axes).shape for axes in panels[:4]] == [(5, 5), (5, 5), (5, 5), (4, 4)]
    assert len({tuple(axes.images[0].get_extent()) for axes in panels}) == 1, "maps of any size fill the same square"
    assert "zero +100 %, +100 %, +100 %, +100 %" in whole[0]["feature-maps"].alt


def test_foveation_is_relative_to_its_centre(whole: Drawn) -> None:
    assert "circular -50 %, -50 %, -50 %, -50 %" in whole[0]["foveation"].alt
    assert "zero -50 % and -50 %" in whole[0]["foveation-profile"].alt
    line = whole[1]["foveation-profile"].axes[0].lines[0]
    assert line.get_xdata() == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert line.get_ydata() == pytest.approx([-50, 0, 0, 0, -50])


def test_relative_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    odd, even = rng.uniform(-2, -1, (3, 5)), rng.uniform(1, 2, (4, 4))
    assert relative(odd) == pytest.approx(100 * (odd - odd[1, 2]) / abs(odd[1, 2]))
    centre = (even[1, 1] + even[1, 2] + even[2, 1] + even[2, 2]) / 4
    assert relative(even) == pytest.approx(100 * (even - centre) / centre)
    assert relative(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])) is None
    assert relative(np.array([[1.0, np.nan, 1.0]])) is None
    assert limit([np.zeros((2, 2))]) == 1


def test_filters_lean_by_layer(whole: Drawn) -> None:
    alt = whole[0]["filter-asymmetry"].alt
    assert "Right against left column: circular +0.0 %, +0.0 %; mind-the-pad" in alt
    assert "zero-even +1.0 %, +1.0 %; zero +4.0 %, +4.0 %" in alt
    assert "Bottom against top row" in alt
    assert "drawn for zero and zero-even alone" in whole[0]["filter-asymmetry"].caption
    thin = [line.get_linewidth() for line in whole[1]["filter-asymmetry"].axes[0].lines if line.get_alpha()]
    assert len(thin) == 2


def test_examples_show_the_best_beside_the_chosen(whole: Drawn) -> None:
    figure = whole[0]["examples"]
    assert "Rows: circular (best), mind-the-pad, zero. Seed 0." in figure.caption
    assert "zero 2 detections for 1 object" in figure.alt
    first = shown(whole[1]["examples"])[0]
    truth, found = (patch for patch in first.patches if isinstance(patch, Rectangle))
    assert truth.get_bbox().bounds == pytest.approx((0.6, 0.6, 1.2, 1.2))
    assert found.get_bbox().bounds == pytest.approx((0.6, 0.6, 1.5, 1.2))
    assert [text.get_text() for text in first.texts] == [".75"]
    assert list(shown(whole[1]["examples"])[1].texts) == [], "a faint one has no score"


@pytest.mark.usefixtures("drawings")
def test_examples_are_of_the_lowest_seed_with_pictures() -> None:
    records = [padded("zero", 0, scenes=False), padded("zero", 1), padded("mind-the-pad", 1), padded("zero", 2)]
    assert "Seed 1." in drawn(records)["examples"].caption
    assert "examples" not in drawn([padded("zero", scenes=False)])


def test_photographs_have_one_setting_and_no_pictures(drawings: dict[str, mpl_figure.Figure]) -> None:
    records = [padded(name, seed, settings=["photographs"], scenes=False) for name in METHODS for seed in range(2)]
    own = drawn(records)
    assert list(own) == OWN[:-1]
    assert len(shown(drawings["recall-by-position"])) == len(METHODS)
    assert "control" not in own["recall-by-edge"].caption
    assert len(drawings["recall-by-edge"].axes) == 2


def test_maps_that_are_not_square_and_many_methods(drawings: dict[str, mpl_figure.Figure]) -> None:
    curve = columns(("level", "row", "column", "value"), [(0, row, c, 1 + c) for row in range(2) for c in range(6)])
    drawn([padded(f"method-with-a-name-{place}", curves={"features": curve}) for place in range(14)])
    panels = shown(drawings["feature-maps"])
    assert len(panels) == 14
    assert panels[0].images[0].get_extent() == pytest.approx([0, 1, 1 / 3, 0])
    drawings["feature-maps"].draw_without_rendering()
    boxes = [Text.get_window_extent(axes.title) for axes in panels]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_precision_is_drawn_class_by_class() -> None:
    assert "zero disc 41.0 %, cross 61.0 %" in drawn(RECORDS[:3])["precision-by-class"].alt
    assert "precision-by-class" not in drawn([padded("zero", names={"class": ["disc"]})])


DAMAGED: dict[str, dict[str, list[float]]] = {
    "positions": {"setting": [0.0], "row": [-1.0], "column": [0.0], "recall": [50.0]},
    "features": columns(("level", "row", "column", "value"), [(0, 1e9, 0, 1), (1, 0, 0, 0)]),
    "foveation": {"map": [0.0], "row": [0.0, 1.0], "column": [0.0], "value": [1.0]},
    "kernels": columns(("layer", "row", "column", "value"), [(0, 7, 7, 1), (1, 0, 0, 0)]),
    "examples": {"image": [0.0]},
}


@pytest.mark.parametrize(
    "records",
    [
        [padded("zero", status="crashed")],
        [padded("zero", curves={}, names={})],
        [padded("zero", curves=DAMAGED, names={"setting": ["middle"], "edge": ["north", *EDGES[1:]]})],
        [padded("zero", curves=DAMAGED, names={"setting": [], "edge": list(EDGES)})],
    ],
    ids=["failed", "empty", "damaged", "nameless"],
)
def test_records_without_data_give_no_figure(records: list[Record]) -> None:
    assert drawn(records) == {}


@pytest.mark.usefixtures("drawings")
def test_a_damaged_record_leaves_the_others_alone() -> None:
    own = drawn([*RECORDS[:3], padded("none", curves=DAMAGED, pictures={"scenes": picture()})])
    assert list(own) == OWN
    assert "none" not in own["feature-maps"].alt


@pytest.mark.usefixtures("drawings")
def test_without_zero_there_is_no_comparison_and_every_filter_is_drawn_alike() -> None:
    own = drawn([padded("circular"), padded("none")])
    assert "gain-over-zero" not in own
    assert "thin" not in own["filter-asymmetry"].caption
