from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

import reports
from benchmark.results.record import Record
from benchmark.results.store import Scan, Store
from tests.reports.factory import matrix, record


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_build_writes_page_tables_and_figures(scan: Scan, out: Path) -> None:
    report = reports.build(scan, out)
    names = {str(path.relative_to(out)) for path in report.files}
    assert {"index.html", "leaderboard.md", "leaderboard.csv"} < names
    assert "figures/cpu-test-2c/forgetting.permuted/quick/accuracy-over-time.svg" in names
    assert len([name for name in names if name.endswith(".svg")]) == 2 * 4
    assert all(path.is_file() for path in report.files)
    assert report.index == out / "index.html"
    assert len(report.tables) == 2


def test_equal_records_in_any_order_give_equal_bytes(results: list[Record], out: Path) -> None:
    results = [each for each in results if each.device.slug == "cpu-test-2c"]
    reports.build(Scan(tuple(results), ()), out)
    first = read_all(out)
    shuffled = random.Random(0).sample(results, len(results))
    reports.build(Scan(tuple(shuffled), ()), out)
    assert read_all(out) == first


def test_other_processes_write_the_same_bytes_and_import_no_torch(results: list[Record], tmp_path: Path) -> None:
    for each in results:
        if each.device.slug == "cpu-test-2c":
            Store(tmp_path / "runs").write(each)
    reports.build(reports.gather([tmp_path / "runs"]), tmp_path / "one")
    code = (
        "import sys, pathlib, reports; from reports.tables import terminal; from rich.console import Console\n"
        "report = reports.build(reports.gather([pathlib.Path(sys.argv[1])]), pathlib.Path(sys.argv[2]), processes=2)\n"
        "assert not report.problems\n"
        "terminal.show(report.tables, Console())\n"
        "assert 'torch' not in sys.modules"
    )
    arguments = [str(tmp_path / "runs"), str(tmp_path / "two")]
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, cwd=root, stdout=subprocess.DEVNULL)
    assert read_all(tmp_path / "one") == read_all(tmp_path / "two")


def test_importing_reports_does_not_import_matplotlib_or_polars() -> None:
    code = "import sys, reports.tables.terminal; assert not {'matplotlib', 'polars', 'torch'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_empty_store(out: Path) -> None:
    report = reports.build(reports.gather([out.parent / "nothing"]), out)
    assert "No results yet" in report.index.read_text()
    assert "No results yet" in (out / "leaderboard.md").read_text()
    assert (out / "leaderboard.csv").read_text().startswith("device,task,track")


def test_only_failures(out: Path) -> None:
    failed = [record("gpm", seed, status="crashed") for seed in range(2)]
    reports.build(Scan(tuple(failed), ()), out)
    page = (out / "index.html").read_text()
    assert "crashed ×2" in page
    assert "none finished" in page
    assert not list(out.rglob("*.svg"))
    assert "gpm, seeds 0, 1" in (out / "leaderboard.md").read_text()


def test_one_seed_has_no_interval(out: Path) -> None:
    reports.build(Scan((record("gpm", metrics={"ACC": 81.25, "BWT": -3.5}),), ()), out)
    row = next(line for line in (out / "leaderboard.md").read_text().splitlines() if "| gpm |" in line)
    assert "±" not in row
    assert "1 seed;" in (out / "index.html").read_text()


def test_a_record_without_its_curve_leaves_the_others_figure(out: Path) -> None:
    records = (record("gpm", curves={}), record("er"), record("ewc", curves={"accuracy": {"task": [0.0]}}))
    report = reports.build(Scan(records, ()), out)
    figure = next(path for path in report.files if path.name == "accuracy-over-time.svg")
    assert figure.exists()
    assert "one for each of er." in report.index.read_text()


def test_no_curve_at_all_gives_no_heat_map(out: Path) -> None:
    report = reports.build(Scan((record("gpm", curves={}), record("er", curves={})), ()), out)
    assert "accuracy-over-time.svg" not in {path.name for path in report.files}


@pytest.mark.parametrize("tasks", [1, 2, 10])
def test_any_number_of_tasks(tasks: int, out: Path) -> None:
    records = tuple(record(name, curves={"accuracy": matrix(60.0, tasks=tasks)}) for name in "abcdefghij"[: 12 - tasks])
    reports.build(Scan(records, ()), out)


def test_other_tracks_get_the_general_figures(out: Path) -> None:
    records = tuple(
        record(name, track="test_time_shift.corruption", metrics={"error": error}, primary="error", curves={})
        for name, error in (("tent", 30.0), ("source", 45.0), ("exact", 0.0))
    )
    report = reports.build(Scan(records, ()), out)
    assert {path.name for path in report.files if path.suffix == ".svg"} == {
        "primary.svg",
        "primary-against-seconds.svg",
    }
    assert "lower is better" in report.index.read_text()


def test_tiers_have_tables_of_their_own(out: Path) -> None:
    report = reports.build(Scan((record(tier="quick"), record(tier="smoke"), record(tier="standard@mnist")), ()), out)
    assert [table.tier for table in report.tables] == ["quick", "smoke", "standard@mnist"]
    assert (out / "figures/cpu-test-2c/forgetting.permuted/standard@mnist/primary.svg").exists()


@pytest.mark.usefixtures("light_figures")
def test_stores_are_read_as_one_and_copies_count_once(results: list[Record], tmp_path: Path) -> None:
    for each in results:
        Store(tmp_path / "runs").write(each)
    for each in results[:5]:
        Store(tmp_path / "published").write(each)
    (tmp_path / "runs" / "broken.json").write_text("{")
    scan = reports.gather([tmp_path / "runs", tmp_path / "published"])
    report = reports.build(scan, tmp_path / "site")
    assert [row.seeds for row in report.tables[0].rows if row.method == "gpm"] == [(0, 1, 2)]
    assert not report.tables[0].set_aside
    assert "broken.json" in report.index.read_text()
    assert len(report.problems) == 1
