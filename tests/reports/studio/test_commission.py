from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import reports
from benchmark.results.ranking import tables
from benchmark.results.store import Scan
from reports import figures
from reports.drawing.canvas import Figure, Subject
from reports.studio import cabinet, commission
from reports.studio.painter import Broken
from tests.reports.factory import record

TABLE = tables([record("gpm", seed) for seed in range(2)])[0]
OTHER = tables([record("gpm", tier="smoke")])[0]
KEY = ("cpu-test-2c", "forgetting.permuted", "quick")


def plain(subject: Subject) -> Figure:
    """Draw what takes no time."""
    drawn.append(subject.table.tier)
    row = subject.table.rows[0]
    return Figure(f"figures/{subject.table.tier}.svg", f"<svg>{row.metrics}</svg>", 1, 2, "caption", "alt")


def nothing(_: Subject) -> None:
    """Have no data."""


def faulty(_: Subject) -> Figure:
    """Fail."""
    raise ValueError("no room\nfor <labels>")


drawn: list[str] = []


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "figures_of", lambda track: (plain, nothing))
    drawn.clear()


def test_what_was_drawn_once_is_not_drawn_again(tmp_path: Path) -> None:
    told: list[float] = []
    first = commission.draw([TABLE, OTHER], kept=tmp_path / "kept", advance=told.append)
    assert sum(told) == pytest.approx(1)
    assert drawn == ["quick", "smoke"]
    assert commission.draw([TABLE, OTHER], kept=tmp_path / "kept") == first
    assert len(drawn) == 2
    assert commission.draw([TABLE, OTHER]) == first
    assert len(drawn) == 4, "nothing is kept without a folder"


@pytest.mark.parametrize("changed", [{"metrics": {"ACC": 80.5, "BWT": -5.0}}, {"curves": {}}, {"doubt": "busy"}])
def test_what_shows_something_else_is_drawn_anew(changed: dict[str, object], tmp_path: Path) -> None:
    commission.draw([TABLE, OTHER], kept=tmp_path)
    edited = tables([record("gpm", 0, **changed), record("gpm", 1)])[0]  # type: ignore[arg-type]
    assert commission.draw([edited, OTHER], kept=tmp_path) == commission.draw([edited, OTHER])
    assert drawn[2:] == ["quick", "quick", "smoke"], "the other table is found"


def test_other_code_draws_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commission.draw([TABLE], kept=tmp_path)
    monkeypatch.setattr(cabinet, "_code", lambda: b"other")
    commission.draw([TABLE], kept=tmp_path)
    assert len(drawn) == 2


def test_damaged_files_and_a_folder_that_cannot_be_are_ignored(tmp_path: Path) -> None:
    first = commission.draw([TABLE], kept=tmp_path)
    for damage in (lambda data: data[:-1], lambda _: b"", lambda data: data[:20] + b"x" + data[21:]):
        for file in tmp_path.iterdir():
            file.write_bytes(damage(file.read_bytes()))
        assert commission.draw([TABLE], kept=tmp_path) == first
    assert len(drawn) == 4
    blocked = next(tmp_path.iterdir()) / "below-a-file"
    assert commission.draw([TABLE], kept=blocked) == first


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        first = commission.draw([TABLE], kept=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert commission.draw([TABLE], kept=tmp_path) == first


def test_what_was_not_shown_for_long_goes_and_so_does_what_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commission.draw([TABLE], kept=tmp_path)
    old = {file.name for file in tmp_path.iterdir()}
    for name in old:
        os.utime(tmp_path / name, (0, 0))
    commission.draw([OTHER], kept=tmp_path)
    assert len(old) == 2
    assert len(left := {file.name for file in tmp_path.iterdir()}) == 2
    assert not left & old
    monkeypatch.setattr(cabinet, "_BYTES", 0)
    commission.draw([OTHER], kept=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_figure_leaves_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "figures_of", lambda track: (faulty, plain))
    scan = Scan((record("gpm"),), ())
    for _ in range(2):  # what failed is tried again
        report = reports.build(scan, tmp_path / "site", kept=tmp_path / "kept")
        assert report.problems == (
            "cpu-test-2c, forgetting.permuted, quick: no figure faulty: ValueError: no room for <labels>",
        )
    assert len(drawn) == 1
    assert (tmp_path / "site" / "figures" / "quick.svg").is_file()
    page = report.index.read_text()
    assert "The figure faulty could not be drawn: ValueError: no room for &lt;labels&gt;" in page
    assert page.index("could not be drawn") < page.index('<img src="figures/quick.svg"')


def test_a_broken_module_leaves_the_general_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(track: str) -> None:
        raise ImportError("no module named so")

    monkeypatch.setattr(figures, "figures_of", absent)
    monkeypatch.setattr(figures, "GENERAL", (plain,))
    first, second = commission.draw([TABLE])[KEY]
    assert isinstance(first, Figure)
    assert second == Broken("module of forgetting.permuted", "ImportError: no module named so")


def test_a_process_that_dies_and_none_that_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(function: object, requests: Iterator[bytes], processes: int) -> Iterator[tuple[int, str]]:
        next(requests)
        yield 0, "the process that drew it died (SIGKILL)"
        raise OSError("no more processes")

    monkeypatch.setattr(figures, "figures_of", lambda track: (plain, plain))
    monkeypatch.setattr(commission, "side_by_side", dying)
    first, second = commission.draw([TABLE], processes=2)[KEY]
    assert first == Broken("plain", "the process that drew it died (SIGKILL)")
    assert isinstance(second, Figure)
