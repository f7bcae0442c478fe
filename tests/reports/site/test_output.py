from __future__ import annotations

from pathlib import Path

import pytest

import reports
from benchmark.errors import StoreError
from benchmark.results.store import Scan
from reports.site import output
from tests.reports.factory import record

pytestmark = pytest.mark.usefixtures("light_figures")


def test_figures_of_an_earlier_report_are_removed_and_nothing_else(scan: Scan, out: Path) -> None:
    reports.build(scan, out)
    (out / "CNAME").write_text("mine")
    (out / "figures" / "mine.svg").write_text("mine")
    reports.build(Scan((record("gpm"),), ()), out)
    assert (out / "CNAME").read_text() == "mine"
    assert (out / "figures" / "mine.svg").read_text() == "mine"
    assert not (out / "figures" / "cuda-test-80gb").exists()
    assert {path.name for path in out.iterdir()} == {
        output.MANIFEST,
        "CNAME",
        "figures",
        "index.html",
        "leaderboard.csv",
        "leaderboard.md",
    }


def test_a_page_of_someone_else_is_left_alone(scan: Scan, out: Path) -> None:
    out.mkdir()
    (out / "index.html").write_text("my home page")
    with pytest.raises(StoreError, match=r"was not written by heptathlon.*--out"):
        reports.build(scan, out)
    assert [path.name for path in out.iterdir()] == ["index.html"]
    assert (out / "index.html").read_text() == "my home page"


def test_out_that_is_a_file(scan: Scan, out: Path) -> None:
    out.write_text("")
    with pytest.raises(StoreError, match="is a file"):
        reports.build(scan, out)


def test_out_below_a_file(scan: Scan, out: Path) -> None:
    out.write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        reports.build(scan, out / "below")


def test_a_manifest_cannot_reach_outside(out: Path) -> None:
    out.mkdir()
    outside = out.parent / "outside.txt"
    outside.write_text("mine")
    (out / output.MANIFEST).write_text(f"../outside.txt\n{outside}\nold.md\n")
    (out / "old.md").write_text("ours")
    output.write({"index.html": "new"}, out)
    assert outside.read_text() == "mine"
    assert not (out / "old.md").exists()


def test_a_failed_write_keeps_the_earlier_report(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output.write({"index.html": "old"}, out)

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(StoreError, match="No space left on device"):
            output.write({"index.html": "new"}, out)
    assert (out / "index.html").read_text() == "old"
    assert sorted(path.name for path in out.iterdir()) == [output.MANIFEST, "index.html"]
