from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

import reports
from benchmark.results.ranking import Table, tables
from benchmark.results.store import Scan
from reports.tables import formatting, frames, markdown, rates, terminal
from reports.tables.board import NOTHING, board
from tests.reports.factory import record


def mixed() -> Table:
    """Two methods of which each has a rate that the other lacks, and one that has no result."""
    records = [record("gpm", seed, rates={"1-shot episodes/s": 1000.0 + 3000 * seed}) for seed in range(3)]
    records += [record("er", rates={"embedded images/s": 66.04, "1-shot episodes/s": 58_922.6})]
    return tables([*records, record("ogd", status="crashed")])[0]


def test_rates_stand_between_time_and_memory_with_a_dash_where_missing() -> None:
    drawn = board(mixed())
    assert [heading.text for heading in drawn.headings][-6:] == [
        "seeds",
        "time (s)",
        "embedded (images/s)",
        "1-shot (episodes/s)",
        "memory (peak)",
        "paper",
    ]
    assert [heading.rate for heading in drawn.headings][-6:] == [False, False, True, True, False, False]
    texts = {line.method: [cell.text for cell in line.cells[-4:-2]] for line in drawn.lines}
    assert texts == {"gpm": [NOTHING, "4,000"], "er": ["66.0", "58,900"], "ogd": [NOTHING, NOTHING]}
    gpm = next(line for line in drawn.lines if line.method == "gpm")
    assert [cell.value for cell in gpm.cells[-4:-2]] == [None, 4000.0]
    assert all(len(line.cells) == len(drawn.headings) for line in drawn.lines)


def test_a_table_without_rates_has_no_such_column() -> None:
    assert not any(heading.rate for heading in board(tables([record()])[0]).headings)


def test_the_run_with_most_rates_decides_their_order() -> None:
    one = record("a", metrics={"ACC": 90.0}, rates={"5-shot episodes/s": 2.0, "training samples/s": 3.0})
    two = record("b", metrics={"ACC": 80.0}, rates={"1-shot episodes/s": 1.0, "5-shot episodes/s": 2.0, "x/s": 1.0})
    assert rates.names(tables([one, two])[0]) == [
        "1-shot episodes/s",
        "5-shot episodes/s",
        "x/s",
        "training samples/s",
    ]
    assert rates.parts("x/s") == ("rate", "x/s")
    assert rates.parts("1-shot episodes/s") == ("1-shot", "episodes/s")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.04217, "0.0422"), (9.996, "10.0"), (66.04, "66.0"), (58_922.6, "58,900")]
)
def test_rates_have_three_digits(value: float, text: str) -> None:
    assert formatting.rate(value) == text


def test_terminal_markdown_and_page_show_them(tmp_path: Path) -> None:
    table = mixed()
    screen = io.StringIO()
    terminal.show([table], Console(file=screen, width=200))
    runs = tuple(entry for row in table.rows for entry in (*row.records, *row.failures))
    page = reports.build(Scan(runs, ()), tmp_path / "site").index.read_text()
    for text in (screen.getvalue(), markdown.render([table]), page):
        assert "58,900" in text
        assert "episodes/s" in text
    assert 'data-value="58922.6">58,900<' in page


def test_a_narrow_terminal_drops_them_after_the_paper_and_says_so() -> None:
    screen = io.StringIO()
    terminal.show([mixed()], Console(file=screen, width=62, force_terminal=True, color_system=None))
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 62
    missing = next(line for line in lines if "not shown" in line)
    assert missing.strip().startswith("not shown at this width: paper, 1-shot episodes/s")
    assert "memory" not in missing


def test_the_csv_has_a_row_per_rate_with_its_interval() -> None:
    table = mixed()
    rows = list(csv.DictReader(io.StringIO(frames.summary([table]).write_csv())))
    gpm = {row["metric"]: row for row in rows if row["method"] == "gpm"}
    assert {name: row["kind"] for name, row in gpm.items()} == {
        "ACC": "metric",
        "BWT": "metric",
        "1-shot episodes/s": "rate",
    }
    rate = gpm["1-shot episodes/s"]
    assert (rate["unit"], rate["primary"], rate["higher_is_better"], rate["n"]) == ("episodes/s", "false", "true", "3")
    assert float(rate["mean"]) == 4000.0
    assert float(rate["half_width_95"]) == pytest.approx(4.30265 * 3000 / 3**0.5, rel=1e-4)
    assert [row["kind"] for row in rows if row["method"] == "ogd"] == [""]
