"""The store: where records lie, and that no accident on the way to the disk costs one."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmark.errors import RecordError, StoreError
from benchmark.results.job import Job
from benchmark.results.record import Record, dump
from benchmark.results.store import Scan, Store

Make = Callable[..., Record]
DEVICE = "cpu-test-2c"
JOB = Job("forgetting.permuted", "gpm", "quick", 0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def files(store: Store) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


def test_layout(store: Store, make_record: Make) -> None:
    assert store.write(make_record()) == store.root / "cpu-test-2c/forgetting/permuted/gpm/quick-0.json"
    store.write(make_record(tier="standard@image-folder", seed=12, track="forgetting.split", method="a-gem"))
    assert files(store) == [
        "cpu-test-2c/forgetting/permuted/gpm/quick-0.json",
        "cpu-test-2c/forgetting/split/a-gem/standard@image-folder-12.json",
    ]


def test_what_is_written_is_found(store: Store, make_record: Make) -> None:
    assert store.find(DEVICE, JOB) is None
    store.write(make_record())
    assert store.find(DEVICE, JOB) == make_record()
    assert store.find("cpu-other-4c", JOB) is None
    assert store.find(DEVICE, Job("forgetting.permuted", "gpm", "quick", 1)) is None


def test_records_can_be_read_by_others(store: Store, make_record: Make) -> None:
    assert store.write(make_record()).stat().st_mode & 0o777 == 0o644


def test_runs_in_the_judges_process_replace_nothing(store: Store, make_record: Make) -> None:
    store.write(make_record())
    store.write(make_record(in_process=True))
    folder = "cpu-test-2c/forgetting/permuted/gpm"
    assert files(store) == [f"{folder}/quick-0.in-process.json", f"{folder}/quick-0.json"]
    assert store.find(DEVICE, JOB) == make_record()
    assert store.find(DEVICE, JOB, in_process=True) == make_record(in_process=True)
    assert store.scan() == Scan((make_record(in_process=True), make_record()), ())


def test_rewriting_replaces(store: Store, make_record: Make) -> None:
    store.write(make_record(status="timeout"))
    store.write(make_record())
    assert store.find(DEVICE, JOB) == make_record()
    assert len(files(store)) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"schema_version": 2}'])
def test_an_unreadable_file_is_set_aside(store: Store, make_record: Make, content: bytes) -> None:
    path = store.write(make_record())
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"quick-0\.json"):
        store.find(DEVICE, JOB)
    store.write(make_record())
    assert store.find(DEVICE, JOB) == make_record()
    assert path.with_name("quick-0.json.unreadable").read_bytes() == content
    assert store.scan() == Scan((make_record(),), ())
    path.write_bytes(content + b" ")  # a second one does not replace the first
    store.write(make_record())
    assert path.with_name("quick-0.json.unreadable").read_bytes() == content
    assert path.with_name("quick-0.json.unreadable2").read_bytes() == content + b" "


def test_scan_says_what_is_no_record_and_returns_the_others(store: Store, make_record: Make) -> None:
    whole = [make_record(seed=seed) for seed in range(3)]
    cut, misplaced, foreign = (store.write(make_record(seed=seed)) for seed in (3, 4, 5))
    for record in whole:
        store.write(record)
    cut.write_text(cut.read_text()[:200])
    misplaced.rename(misplaced.with_name("quick-40.json"))
    foreign.rename(foreign.with_name("notes.txt"))
    (store.root / "folder.json").mkdir()
    scan = store.scan()
    assert scan.records == tuple(whole)
    first, second, third = scan.problems
    assert first.startswith(f"{cut}: not a complete JSON file")
    assert second == (
        f"{misplaced.with_name('quick-40.json')}: holds the record of forgetting.permuted/gpm/quick-4, "
        f"which belongs at {misplaced}; move it"
    )
    assert third.startswith(f"{store.root / 'folder.json'}: cannot be read")


def test_scan_of_no_folder_and_of_a_file(tmp_path: Path) -> None:
    assert Store(tmp_path / "nowhere").scan() == Scan((), ())
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file; name a folder with --store"):
        Store(tmp_path / "file").scan()


class TestDiskFull:
    @pytest.fixture(params=["fsync", "replace"])
    def full(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        def no_space(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return lambda: monkeypatch.setattr(os, request.param, no_space)

    def test_the_earlier_record_is_safe(self, store: Store, make_record: Make, full: Callable[[], None]) -> None:
        before = make_record(method="er")
        store.write(before)
        full()
        with pytest.raises(StoreError, match="cannot be written: No space left on device; free space") as error:
            store.write(make_record(method="er", status="error"))
        assert str(store.root) in str(error.value)
        assert "Records written before are safe" in str(error.value)
        assert files(store) == ["cpu-test-2c/forgetting/permuted/er/quick-0.json"]
        assert store.scan() == Scan((before,), ())

    def test_the_first_record_leaves_nothing(self, store: Store, make_record: Make, full: Callable[[], None]) -> None:
        full()
        with pytest.raises(StoreError, match="No space left"):
            store.write(make_record())
        assert files(store) == []


def test_an_interrupted_write_leaves_nothing(store: Store, make_record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.write(make_record())
    assert files(store) == []


class TestNotWritable:
    @pytest.fixture
    def closed(self, tmp_path: Path) -> Iterator[Store]:
        """A store in a folder that refuses new files, to root as well."""
        if os.geteuid() == 0:
            if sys.platform != "linux":
                pytest.skip("root may write everywhere here")
            yield Store(Path("/sys/heptathlon"))
            return
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o500)
        yield Store(folder / "runs")
        folder.chmod(0o700)

    def test_it_says_so_before_the_first_job_and_at_any_record(self, closed: Store, make_record: Make) -> None:
        for attempt in (closed.check_writable, lambda: closed.write(make_record())):
            with pytest.raises(StoreError, match="cannot be written") as error:
                attempt()
            assert str(closed.root) in str(error.value)
            assert "change its permissions, or name another folder with --store" in str(error.value)

    def test_a_file_in_place_of_the_store(self, tmp_path: Path, make_record: Make) -> None:
        (tmp_path / "file").write_text("mine")
        store = Store(tmp_path / "file")
        for attempt in (store.check_writable, lambda: store.write(make_record())):
            with pytest.raises(StoreError, match="name another folder with --store"):
                attempt()
        assert (tmp_path / "file").read_text() == "mine"
        assert store.find(DEVICE, JOB) is None

    def test_checking_leaves_nothing_behind(self, store: Store, make_record: Make) -> None:
        store.check_writable()
        assert list(store.root.iterdir()) == []
        store.write(make_record())
        before = files(store)
        store.check_writable()
        assert files(store) == before


def test_the_file_holds_the_record_as_dumped(store: Store, make_record: Make) -> None:
    assert store.write(make_record()).read_text(encoding="utf-8") == dump(make_record())
