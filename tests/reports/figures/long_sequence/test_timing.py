from __future__ import annotations

import math
from typing import Any

import matplotlib.figure as mpl_figure
import pytest

from benchmark.results.record import MetricValue, Record
from reports.drawing import canvas
from reports.drawing.canvas import Figure
from reports.figures.long_sequence import timing
from tests.reports.drawn import drawn
from tests.reports.factory import record

pytestmark = pytest.mark.usefixtures("no_general_figures")

LENGTHS = (256.0, 512.0, 1024.0, 2048.0)


def encoded(method: str, seed: int = 0, *, speed: float = 1e6, memory: bool = True, lost: bool = False) -> Record:
    """A run whose speed does not depend on the length, beside exact attention at 10^9 / length tokens/s."""
    speed *= 1 + 0.1 * seed
    exact = [1e9 / length for length in LENGTHS]
    curve = {
        "length": list(LENGTHS),
        "tokens_per_second": [speed] * 4,
        "low": [0.9 * speed] * 4,
        "high": [1.1 * speed] * 4,
        "exact_tokens_per_second": exact,
        "speed_up": [speed / value for value in exact],
    }
    curves = {
        "forward": curve,
        "gradients": {name: column[:2] for name, column in curve.items()},
        "memory": {"length": list(LENGTHS), "bytes": [2**20 * length for length in LENGTHS]}
        if memory
        else _empty("bytes"),
        "out_of_memory": {"length": [4096.0] if lost else []},
    }
    return _ranked(method, seed, "long_sequence.encode", curves, speed)


def decoded(method: str, seed: int = 0, *, speed: float = 1e4) -> Record:
    curve = {
        "position": [256.0, 1024.0],
        "tokens_per_second": [speed, speed],
        "speed_up": [0.5, 2.0],
        "state_bytes": [2.0**20, 2.0**22],
    }
    return _ranked(method, seed, "long_sequence.decode", {"decode": curve}, speed)


def _empty(name: str) -> dict[str, list[float]]:
    return {"length": [], name: []}


def _ranked(method: str, seed: int, track: str, curves: Any, value: float) -> Record:
    metric = MetricValue(value=value, unit="x", higher_is_better=True)
    base = record(method, seed, track=track, curves=curves)
    return base.model_copy(update={"primary": "speed_up", "metrics": {"speed_up": metric}})


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    """The drawings by name, as `finish` gets them."""
    found = {}

    def finish(drawing: mpl_figure.Figure, subject: canvas.Subject, name: str, **words: str) -> Figure:
        found[name] = drawing
        return Figure(f"figures/{name}.svg", "<svg/>", 0, 0, words["caption"], words["alt"])

    monkeypatch.setattr(timing, "finish", finish)
    return found


RECORDS = [encoded(name, seed, speed=speed) for name, speed in (("rfa", 2e6), ("softmax", 6e5)) for seed in range(3)]


def test_all_figures_and_the_same_svg_each_time() -> None:
    first, second = drawn(RECORDS), drawn(RECORDS[::-1])
    assert set(first) == {"speed-and-memory", "speed-up"}
    assert {name: figure.svg for name, figure in first.items()} == {name: figure.svg for name, figure in second.items()}
    assert all("3 seeds" in figure.caption for figure in first.values())


def test_lines_are_means_on_log_scales(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(RECORDS)
    forward, backward, memory = drawings["speed-and-memory"].axes
    assert (forward.get_xscale(), forward.get_yscale()) == ("log", "log")
    assert forward.lines[0].get_ydata() == pytest.approx([2.2e6] * 4)
    assert len(backward.lines[0].get_xdata()) == 2  # type: ignore[arg-type]
    assert memory.lines[0].get_ydata() == pytest.approx(LENGTHS)
    assert [tick.get_text() for tick in forward.get_xticklabels()] == ["256", "512", "1k", "2k"]


def test_the_caption_prints_where_each_method_overtakes(drawings: dict[str, mpl_figure.Figure]) -> None:
    caption = drawn([encoded("rfa", speed=2e6), encoded("softmax", speed=1e5), encoded("linear", speed=1e7)])[
        "speed-up"
    ].caption
    assert "rfa from 500 on" in caption
    assert "softmax nowhere up to 2,048" in caption
    assert "linear everywhere from 256 on" in caption


def test_out_of_memory_is_a_cross(drawings: dict[str, mpl_figure.Figure]) -> None:
    caption = drawn([encoded("plain", lost=True), encoded("rfa")])["speed-and-memory"].caption
    crosses = [line for line in drawings["speed-and-memory"].axes[0].lines if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crosses] == [[4096.0]]  # type: ignore[arg-type]
    assert "plain at length 4,096" in caption
    assert "No measured length" in drawn([encoded("rfa")])["speed-and-memory"].caption


def test_without_memory_there_is_no_such_panel(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn([encoded("rfa", memory=False)])
    assert len(drawings["speed-and-memory"].axes) == 2


def test_decoding(drawings: dict[str, mpl_figure.Figure]) -> None:
    found = drawn([decoded("rfa", seed) for seed in range(2)])
    assert set(found) == {"decoding"}
    speed, _, state = drawings["decoding"].axes
    assert speed.lines[0].get_ydata() == pytest.approx([1e4, 1e4])
    assert state.lines[0].get_ydata() == pytest.approx([1, 4])
    assert "rfa from 512 on" in found["decoding"].caption


def test_crossovers() -> None:
    assert timing.crossover([1, 2, 4], [2, 3, 4]) == 1
    assert timing.crossover([1, 2, 4], [0.5, 0.5, 0.9]) is None
    assert timing.crossover([1, 2, 4], [0.5, 2, 4]) == pytest.approx(math.sqrt(2))
    assert timing.crossover([1, 2, 4, 8], [2, 0.5, 2, 3]) == pytest.approx(math.sqrt(8)), "for good"
