"""A cost column is declared once, and shows wherever costs do."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from benchmark.results import costs
from benchmark.results.costs import CostColumn
from benchmark.results.ranking import tables
from reports.tables import board, frames, markdown, terminal
from tests.reports.factory import record

JOULES = CostColumn(
    "energy", "J", "joules", lambda record: record.costs.joules, largest=False, in_bytes=False, note="energy: all of it"
)


def test_over_seeds() -> None:
    time, memory, device = costs.COLUMNS
    records = [record("a", seed, seconds=1.0 + seed) for seed in range(3)]
    found = time.summary(records)
    assert found is not None
    assert (found.n, found.mean) == (3, pytest.approx(2.0))
    largest = memory.summary(records)
    assert largest is not None
    assert (largest.mean, largest.half_width) == (400 * 2**20, None)
    assert device.summary(records) is None


def test_a_further_column_is_one_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every module that shows costs iterates over the one tuple; here it is put where each has it."""
    columns = (*costs.COLUMNS, JOULES)
    for module in ("benchmark.results.ranking", *(f"reports.tables.{name}" for name in ("board", "frames"))):
        monkeypatch.setattr(f"{module}.COLUMNS", columns)
    monkeypatch.setattr(frames, "SUMMARY", frames.SUMMARY | frames._cost_schema(JOULES))
    one = record("a")
    one = one.model_copy(update={"costs": one.costs.model_copy(update={"joules": 12.5})})
    ranked = tables([one])
    assert "energy (J)" in [heading.text for heading in board.board(ranked[0]).headings]
    assert "12.5" in markdown.render(ranked)
    assert frames.summary(ranked)["joules_mean"].to_list() == [12.5] * len(frames.summary(ranked))
    out = StringIO()
    terminal.show(ranked, Console(file=out, width=200))
    assert "energy" in out.getvalue()
