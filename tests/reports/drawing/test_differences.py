"""Paired differences to a baseline, by the figure of adaptation to streams: numbers, marks, and who is left out."""

from __future__ import annotations

import matplotlib.figure as mpl_figure
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text

from benchmark.results.pairing import paired
from benchmark.results.ranking import tables
from benchmark.results.record import Record
from reports.figures.test_time_shift import corruption
from tests.reports.drawn import captured, drawn
from tests.reports.figures.test_time_shift.stream import streamed

pytestmark = pytest.mark.usefixtures("no_general_figures")

NAME = "gain-over-statistics"
GAINS = {"tent": (1.0, 1.2, 1.4), "eata": (0.2, -0.3, 0.4), "sar": (0.8, 0.9, 1.0), "source": (-20, -19, -21)}


def records(seeds: int = 3, **gains: tuple[float, ...]) -> list[Record]:
    """Runs that err by their gain less than batch statistics, seed by seed."""
    base = [streamed("batch-norm", seed) for seed in range(seeds)]
    return base + [
        streamed(name, seed, error=20 - own[seed]) for name, own in (gains or GAINS).items() for seed in range(seeds)
    ]


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    """The drawings by name."""
    return captured(monkeypatch, corruption)


def numbers(axes: Axes) -> dict[str, Text]:
    """A panel's numbers by method."""
    names = [label.get_text() for label in axes.figure.axes[0].get_yticklabels()]
    found = [text for text in axes.texts if not isinstance(text, Annotation)]
    return {names[round(float(text.get_position()[1]))]: text for text in found}


def test_differences_are_paired_by_seed(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn(records())[NAME].alt
    first = drawings[NAME].axes[0]
    half = 4.302653 * 0.2 / 3**0.5
    assert first.get_title() == "long stream"
    assert numbers(first)["tent"].get_text() == f"−1.20 ± {half:.2f}"
    assert numbers(first)["eata"].get_text().startswith("−0.10 ± ")
    assert "Long stream: tent -1.20; sar -0.90; eata -0.10; source +20.00" in alt
    assert "batch-norm -" not in alt


def test_what_is_apart_from_zero_is_bold(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(records())
    weights = {name: text.get_fontweight() for name, text in numbers(drawings[NAME].axes[0]).items()}
    assert weights == {"tent": "bold", "sar": "bold", "eata": "normal", "source": "bold"}


def test_who_is_far_off_is_an_arrow_to_its_side(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(records())
    first = drawings[NAME].axes[0]
    (arrow,) = [text for text in first.texts if isinstance(text, Annotation)]
    assert arrow.xy[0] == 1.0
    low, high = first.get_xlim()
    assert -5 < low < high < 5
    drawn(records(tent=(1.0, 1.2, 1.4), source=(20, 20, 20), eata=(0.2, 0.3, 0.4)))
    (arrow,) = [text for text in drawings[NAME].axes[0].texts if isinstance(text, Annotation)]
    assert arrow.xy[0] == 0.0


def test_one_seed_has_no_interval(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(records(1))
    text = numbers(drawings[NAME].axes[0])["tent"]
    assert (text.get_text(), text.get_fontweight()) == ("−1.00", "normal")


@pytest.mark.parametrize(
    "found",
    [
        [streamed("tent"), streamed("source")],
        [streamed("batch-norm")],
        [streamed("batch-norm", 0), streamed("tent", 1)],
        [streamed("batch-norm", status="crashed"), streamed("tent")],
    ],
    ids=["no baseline", "nothing to compare", "no seed in common", "baseline failed"],
)
def test_without_pairs_there_is_no_figure(found: list[Record]) -> None:
    assert NAME not in drawn(found)


def test_seeds_and_metrics_that_both_have() -> None:
    (table,) = tables([streamed("batch-norm", 0), streamed("batch-norm", 1), *(streamed("tent", s) for s in (1, 2))])
    rows = {row.method: row for row in table.rows}
    found = paired(rows["tent"], rows["batch-norm"], "error_sorted")
    assert found is not None
    assert (found.n, found.mean, found.half_width) == (1, 0.0, None)
    assert paired(rows["tent"], rows["batch-norm"], "no such metric") is None
