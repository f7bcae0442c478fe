from __future__ import annotations

import random
from typing import Any

import pytest

from benchmark.results.ranking import Table, tables
from benchmark.results.record import Provenance, Record
from tests.reports.factory import record

OTHER = {"track_version": "2", "data": "glyphs", "tier": "quick"}


def one_table(records: list[Record]) -> Table:
    (table,) = tables(records)
    return table


def ranks(table: Table) -> dict[str, int | None]:
    return {row.method: row.rank for row in table.rows}


def run(method: str, accuracy: float, **fields: Any) -> Record:
    return record(method, metrics={"ACC": accuracy}, **fields)


def test_higher_is_better() -> None:
    assert ranks(one_table([run("a", 70.0), run("b", 90.0), run("c", 80.0)])) == {"b": 1, "c": 2, "a": 3}


def test_lower_is_better() -> None:
    records = [record(name, metrics={"error": error}, primary="error") for name, error in (("a", 3.0), ("b", 1.0))]
    assert ranks(one_table(records)) == {"b": 1, "a": 2}


def test_equal_means_share_a_rank_and_leave_a_gap() -> None:
    table = one_table([run("d", 70.0), run("c", 80.0), run("b", 80.0), run("a", 90.0)])
    assert ranks(table) == {"a": 1, "b": 2, "c": 2, "d": 4}
    assert [row.method for row in table.rows] == ["a", "b", "c", "d"]


def test_references_follow_unranked() -> None:
    table = one_table([run("joint", 95.0, role="reference"), run("a", 70.0), run("b", 80.0, role="baseline")])
    assert ranks(table) == {"b": 1, "a": 2, "joint": None}
    assert [row.method for row in table.rows] == ["b", "a", "joint"]


def test_failed_methods_come_last_and_show_their_failures() -> None:
    records = [run("a", 90.0), record("a", 1, status="timeout"), run("b", 70.0), record("c", status="crashed")]
    records.append(run("joint", 60.0, role="reference"))
    table = one_table(records)
    assert ranks(table) == {"b": 1, "joint": None, "a": None, "c": None}
    assert [row.method for row in table.rows] == ["b", "joint", "a", "c"]
    assert [[failure.status for failure in row.failures] for row in table.rows] == [[], [], ["timeout"], ["crashed"]]
    assert table.rows[2].seeds == (0,)
    assert table.rows[3].costs == {}
    assert table.seeds == (0, 1)


def test_only_failures() -> None:
    table = one_table([record("a", status="crashed")])
    assert table.columns == ()
    assert ranks(table) == {"a": None}


def test_the_larger_class_is_ranked_and_the_other_set_aside_with_the_difference() -> None:
    table = one_table([run("a", 70.0), run("b", 80.0), run("c", 90.0, comparison=OTHER)])
    assert ranks(table) == {"b": 1, "a": 2}
    assert len(table.set_aside) == 1
    assert "1 record of class" in table.set_aside[0]
    assert table.set_aside[0].endswith("different track_version")


def test_the_newer_of_two_equally_large_classes_is_ranked() -> None:
    table = one_table([run("a", 70.0), run("c", 90.0, comparison=OTHER, started_at="2026-02-01T00:00:00Z")])
    assert ranks(table) == {"c": 1}
    assert table.comparison == OTHER


def test_devices_tracks_and_tiers_are_apart_and_sorted() -> None:
    records = [run("a", 1.0, slug="cuda-x"), run("a", 1.0, tier="smoke"), run("a", 1.0)]
    records.append(run("a", 1.0, track="forgetting.split"))
    assert [(table.device, table.track, table.tier) for table in tables(records)] == [
        ("cpu-test-2c", "forgetting.permuted", "quick"),
        ("cpu-test-2c", "forgetting.permuted", "smoke"),
        ("cpu-test-2c", "forgetting.split", "quick"),
        ("cuda-x", "forgetting.permuted", "quick"),
    ]


def test_runs_inside_the_judges_process_are_left_out() -> None:
    assert tables([run("a", 99.0, in_process=True)]) == []


def test_the_newest_record_of_a_job_counts() -> None:
    old, new = run("a", 10.0), run("a", 90.0, started_at="2026-02-01T00:00:00Z")
    for records in ([old, new], [new, old]):
        table = one_table(records)
        assert table.rows[0].metrics["ACC"].mean == 90.0
        assert table.set_aside == ("1 older record of jobs that were run again",)


def test_a_copy_of_a_record_is_no_second_run() -> None:
    table = one_table([run("a", 90.0), run("a", 90.0)])
    assert table.rows[0].metrics["ACC"].n == 1
    assert table.set_aside == ()


def test_seeds_of_different_method_files_are_noted() -> None:
    changed = Provenance(commit=None, dirty=None, method_file="changed", track_code="track", timer_code="timer")
    table = one_table([record("a", 0), record("a", 1, provenance=changed), record("b", 0)])
    assert len(table.notes) == 1
    assert table.notes[0].startswith("a: ")


def rounds(method: str, count: int, *, doubtful: int = 0, **fields: Any) -> list[Record]:
    timed = {"timer": "code", "tier": "quick"}
    found = [run(method, 90.0, seed=number, comparison=timed, **fields) for number in range(count)]
    return found + [
        run(method, 10.0, seed=number, comparison=timed, doubt="busy") for number in range(count, count + doubtful)
    ]


def test_rounds_in_doubt_are_set_aside_where_enough_are_left() -> None:
    table = one_table(rounds("a", 4, doubtful=2) + rounds("b", 5))
    assert ranks(table) == {"a": 1, "b": 1}
    assert [len(row.records) for row in table.rows] == [4, 5]
    assert table.set_aside == ("2 rounds in doubt: busy",)
    assert table.repeats == "round"


def test_few_rounds_rank_nothing() -> None:
    table = one_table(rounds("a", 3, doubtful=2) + rounds("b", 3) + rounds("c", 4))
    assert ranks(table) == {"c": 1, "a": None, "b": None}
    assert table.notes == ("a: not ranked, busy (round 3, 4)", "b: not ranked, it has 3 rounds; 4 are needed")


def test_a_method_in_doubt_is_shown_without_a_rank() -> None:
    table = one_table([run("a", 90.0), run("a", 91.0, seed=1, doubt="timed on a busy machine"), run("b", 80.0)])
    assert [(row.method, row.rank) for row in table.rows] == [("b", 1), ("a", None)]
    assert table.rows[1].metrics["ACC"].n == 2
    assert table.notes == ("a: not ranked, timed on a busy machine (seed 1)",)


def test_a_metric_that_some_seeds_lack() -> None:
    table = one_table([record("a", 0, metrics={"ACC": 80.0, "BWT": -1.0}), record("a", 1, metrics={"ACC": 82.0})])
    assert (table.rows[0].metrics["ACC"].n, table.rows[0].metrics["BWT"].n) == (2, 1)


def test_the_primary_metric_comes_first() -> None:
    table = one_table([record("a", metrics={"BWT": -1.0, "memory_floats": 5.0, "ACC": 80.0})])
    assert [column.name for column in table.columns] == ["ACC", "BWT", "memory_floats"]
    assert [column.higher_is_better for column in table.columns] == [True, True, False]


def test_costs_are_the_mean_time_and_the_largest_peak() -> None:
    table = one_table([record("a", 0, seconds=1.0), record("a", 1, seconds=3.0)])
    assert table.rows[0].costs["method_seconds"].mean == pytest.approx(2.0)
    assert table.rows[0].costs["peak_bytes"].mean == 400 * 2**20
    assert "peak_device_bytes" not in table.rows[0].costs


def test_the_order_of_records_does_not_matter() -> None:
    records = [run(name, value, seed=seed) for name, value in (("a", 1.0), ("b", 1.0)) for seed in range(3)]
    records += [run("c", 9.0, comparison=OTHER), record("d", status="error"), run("a", 5.0)]
    expected = tables(records)
    for seed in range(5):
        assert tables(random.Random(seed).sample(records, len(records))) == expected
