"""The store: one JSON file per run, written whole or not at all. Reads without torch.

Layout: `<store>/<device>/<task>/<track>/<method>/<tier>-<seed>.json`; runs inside the judge's process, which never
rank, end in `.in-process.json` so that they replace nothing. A file that cannot be read is never overwritten: it is
set aside with the ending `.unreadable`.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import RecordError, StoreError
from benchmark.results import record as records
from benchmark.results.job import Job
from benchmark.results.record import Record


@dataclass(frozen=True, slots=True)
class Scan:
    """What a store holds: its records in the order of their paths, and a sentence for each file that is none."""

    records: tuple[Record, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """Records under one folder."""

    root: Path

    def path(self, device: str, job: Job, *, in_process: bool = False) -> Path:
        """Where the record of `job` on the device with this slug lies."""
        return self.root / device / f"{job.stem}{'.in-process' if in_process else ''}.json"

    def find(self, device: str, job: Job, *, in_process: bool = False) -> Record | None:
        """Return the record of `job`, or None if there is none. Raises RecordError if its file cannot be read."""
        path = self.path(device, job, in_process=in_process)
        return self._read(path) if path.exists() else None

    def write(self, record: Record) -> Path:
        """Write a record atomically and durably, in place of an earlier one of the same job; return its path.

        Raises StoreError, leaving the earlier record as it was, if the disk is full or the folder not writable.
        """
        path = self.path(record.device.slug, record.job, in_process=record.in_process)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._set_aside_if_unreadable(path)
            _write_atomically(path, records.dump(record))
        except OSError as error:
            raise StoreError(_explain(self.root, error)) from error
        return path

    def scan(self) -> Scan:
        """Read every record; a file that is none becomes a problem and hides no other."""
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"the store {self.root} is a file; name a folder with --store")
        found: list[Record] = []
        problems: list[str] = []
        for path in sorted(self.root.rglob("*.json")):
            try:
                record = self._read(path)
                expected = self.path(record.device.slug, record.job, in_process=record.in_process)
                if expected != path:
                    raise RecordError(f"{path}: holds the record of {record.job}, which belongs at {expected}; move it")
                found.append(record)
            except RecordError as error:
                problems.append(str(error))
        return Scan(tuple(found), tuple(problems))

    def check_writable(self) -> None:
        """Raise StoreError if a record could not be written now; better before the first job than after it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(b"x")
        except OSError as error:
            raise StoreError(_explain(self.root, error)) from error

    def _read(self, path: Path) -> Record:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecordError(f"{path}: cannot be read ({error}); delete it and run the job again") from error
        return records.load(text, source=str(path))

    def _set_aside_if_unreadable(self, path: Path) -> None:
        if path.exists():
            try:
                self._read(path)
            except RecordError:
                aside = [path.with_suffix(f".json.unreadable{suffix}") for suffix in ["", *range(2, 1000)]]
                os.replace(path, next(free for free in aside if not free.exists()))


def _write_atomically(path: Path, text: str) -> None:
    """Write beside the target, flush to disk, then rename: a reader sees the old file or the new one, never half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp makes private files; records are meant to be shared
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _explain(root: Path, error: OSError) -> str:
    return (
        f"the store {root} cannot be written: {error.strerror or error}; free space, change its permissions, or name "
        "another folder with --store. Records written before are safe"
    )
