from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchmark.results.ranking import tables
from benchmark.results.record import Record
from reports.tables import terminal
from tests.reports.factory import record


def shown(records: list[Record], *, width: int = 100, is_terminal: bool = True, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=stream, width=width, force_terminal=is_terminal, color_system=None)
    terminal.show(tables(records), console)
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(results: list[Record], width: int) -> None:
    assert max(map(len, shown(results, width=width).splitlines())) <= width


def test_a_hundred_columns_hold_all_of_a_cpu_table(results: list[Record]) -> None:
    text = shown([record for record in results if record.device.kind == "cpu"])
    assert "not shown" not in text
    assert "2103.09762" in text


def test_narrow_terminals_say_what_is_missing(results: list[Record]) -> None:
    assert "not shown at this width: paper" in shown(results, width=60)


def test_a_metric_stays_though_it_is_called_like_a_cost() -> None:
    text = shown([record(metrics={"ACC": 80.0, "memory": 3.0})], width=30)
    assert "not shown at this width" in text
    assert next(line.split() for line in text.splitlines() if "ACC" in line) == ["ACC", "memory"]


def test_a_pipe_gets_every_column_without_colour(results: list[Record]) -> None:
    text = shown(results, width=40, is_terminal=False)
    assert "2103.09762" in text
    assert "\x1b" not in text
    assert "…" not in text


def test_ranks_references_and_failures(results: list[Record]) -> None:
    lines = shown(results).splitlines()
    assert next(line for line in lines if " gpm " in line).startswith("  1  gpm")
    assert next(line for line in lines if " ewc " in line).startswith("  2  ewc")
    assert next(line for line in lines if " joint " in line).startswith("ref  joint")
    assert next(line for line in lines if " er " in line).startswith("  –  er")
    assert any("er, seed 2: timeout: the method did not answer" in line for line in lines)


def test_words_of_records_are_not_markup() -> None:
    assert "[bold]x[/bold]" in shown([record(status="error", message="[bold]x[/bold]")])


def test_ascii_terminals(results: list[Record]) -> None:
    assert "80.0" not in shown(results, encoding="ascii")
    assert "81.0 ~" in shown(results, encoding="ascii")


def test_no_tables() -> None:
    assert "No results yet" in shown([])
