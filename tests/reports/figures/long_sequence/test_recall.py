from __future__ import annotations

import matplotlib.figure as mpl_figure
import pytest

from benchmark.results.record import MetricValue, Record
from reports.figures.long_sequence import recall
from tests.reports.drawn import captured, drawn
from tests.reports.factory import record

pytestmark = pytest.mark.usefixtures("no_general_figures")

NAMES = {"accuracy-by-pairs", "accuracy-by-exercise", "accuracy-over-training", "accuracy-against-speed"}


def learned(method: str, seed: int = 0, *, values: tuple[float, ...] = (90.0, 60.0), rate: float = 8e4) -> Record:
    values = tuple(value + seed for value in values)
    found = dict(zip(("recall", "pixels"), values, strict=True))
    metrics = {"accuracy": sum(values) / 2} | {f"{name}_accuracy": value for name, value in found.items()}
    base = record(
        method,
        seed,
        track="long_sequence.recall",
        names={"exercise": list(found)},
        curves={name: {"step": [20.0, 40.0], "accuracy": [10.0, value]} for name, value in found.items()}
        | {"ladder": {"pairs": [8.0, 32.0], "accuracy": [values[0] + 5, values[0] - 5]}},
    )
    return base.model_copy(
        update={
            "primary": "accuracy",
            "metrics": {
                name: MetricValue(value=value, unit="%", higher_is_better=True) for name, value in metrics.items()
            },
            "costs": base.costs.model_copy(update={"rates": {"training tokens/s": rate * (1 + 0.1 * seed)}}),
        }
    )


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    return captured(monkeypatch, recall)


RECORDS = [
    *(learned("softmax", seed) for seed in range(3)),
    *(learned("rfa", seed, values=(10.0, 15.0), rate=2e4) for seed in range(3)),
]


def test_all_figures_and_the_same_svg_each_time() -> None:
    first, second = drawn(RECORDS), drawn(RECORDS[::-1])
    assert set(first) == NAMES
    assert {name: figure.svg for name, figure in first.items()} == {name: figure.svg for name, figure in second.items()}
    assert all("3 seeds" in figure.caption for figure in first.values())
    assert "softmax 91.0 % recall, 61.0 % pixels" in first["accuracy-by-exercise"].alt


def test_a_panel_per_exercise_has_a_mark_per_method(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    panels = drawings["accuracy-by-exercise"].axes
    assert [axes.get_title(loc="left").partition(":")[0] for axes in panels] == ["recall", "pixels"]
    marks = [
        [float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() not in ("None", "")] for axes in panels
    ]  # type: ignore[index]
    assert marks == [[91, 11], [61, 16]]
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["softmax", "rfa"]
    assert all(axes.get_xlim() == (0, 104) for axes in panels)


def test_the_ladder_is_a_line_per_method(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn(RECORDS)["accuracy-by-pairs"].alt
    (axes,) = drawings["accuracy-by-pairs"].axes
    lines = [list(line.get_ydata()) for line in axes.lines]  # type: ignore[arg-type]
    assert [96, 86] in lines
    assert [16, 6] in lines
    assert "softmax 96.0 % of 8, 86.0 % of 32" in alt


def test_lines_are_means_by_step(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    recall, pixels = drawings["accuracy-over-training"].axes
    assert list(recall.lines[0].get_ydata()) == [10, 91]  # type: ignore[arg-type]
    assert recall.get_ylim()[1] > 91
    assert 61 < pixels.get_ylim()[1] < 70


def test_speed_is_on_a_log_scale(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn(RECORDS)["accuracy-against-speed"].alt
    (axes,) = drawings["accuracy-against-speed"].axes
    assert axes.get_xscale() == "log"
    assert "softmax 76.0 % at 88,000 tokens/s" in alt
    assert "rfa 13.5 % at 22,000 tokens/s" in alt
    assert all(container.has_xerr and container.has_yerr for container in axes.containers)  # type: ignore[attr-defined]


def test_one_seed_and_missing_parts_leave_out_what_is_not_there(drawings: dict[str, mpl_figure.Figure]) -> None:
    single = learned("rfa")
    silent = single.model_copy(update={"costs": single.costs.model_copy(update={"rates": {}}), "curves": {}})
    drawn([silent])
    assert set(drawings) == {"accuracy-by-exercise"}
    drawn([single])
    assert set(drawings) == NAMES


def test_other_tracks_have_none_of_them() -> None:
    assert not NAMES & set(drawn([record("rfa", track="long_sequence.encode")]))
