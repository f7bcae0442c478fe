from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.results.record import Record
from benchmark.results.store import Scan
from reports import figures
from reports.drawing.canvas import Draw, Figure, Subject, finish, new
from tests.reports.factory import record


@pytest.fixture
def results() -> list[Record]:
    """Four methods of which one is a reference and one fails, three seeds, on two devices."""
    return [
        record(
            method,
            seed,
            slug=slug,
            role="reference" if method == "joint" else "method",
            status="timeout" if method == "er" and seed == 2 else "ok",
            metrics={"ACC": accuracy + seed, "BWT": -bwt - 0.5 * seed, "memory_floats": floats},
            seconds=seconds,
        )
        for slug in ("cpu-test-2c", "cuda-test-80gb")
        for method, accuracy, bwt, floats, seconds in (
            ("gpm", 80.0, 3.0, 121_000.0, 2.6),
            ("ewc", 70.0, 18.0, 358_400.0, 1.7),
            ("er", 75.0, 9.0, 235_000.0, 1.9),
            ("joint", 90.0, 0.0, 0.0, 5.1),
        )
        for seed in range(3)
    ]


@pytest.fixture
def scan(results: list[Record]) -> Scan:
    return Scan(tuple(results), ())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def light_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw two figures a table that take little time, for tests of what is around them."""

    def light(name: str) -> Draw:
        def draw(subject: Subject) -> Figure | None:
            drawing = new(1, 1)
            drawing.add_subplot().set_axis_off()
            return finish(drawing, subject, name, caption=name, alt=name) if subject.table.columns else None

        return draw

    monkeypatch.setattr(figures, "figures_of", lambda track: (light("one"), light("two")))


@pytest.fixture
def no_general_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw only the figures that a track has of its own: the others take time and are tested elsewhere."""
    monkeypatch.setattr(figures, "GENERAL", ())
