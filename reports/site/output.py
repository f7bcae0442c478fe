"""Puts a report into a folder, whole, and touches no file there that a report did not write."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from benchmark.errors import StoreError

MANIFEST = ".heptathlon-report"
"""Names the files that the last report wrote, one a line: only these are ever replaced or removed."""


def check(out: Path, names: Iterable[str]) -> None:
    """Raise StoreError if `names` could not be written into `out`; better before the figures are drawn than after."""
    if out.exists() and not out.is_dir():
        raise StoreError(f"the report cannot be written: {out} is a file; name a folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out) as probe:
            probe.write(b"x")
    except OSError as error:
        raise StoreError(_explain(out, error)) from error
    _check_owned(out, names)


def write(files: Mapping[str, str], out: Path) -> None:
    """Write `files` (path below `out`, with slashes -> text) and remove those of the last report that are gone.

    All text is on disk before the first old file is replaced, and the page comes last. Raises StoreError if `out` is
    not writable, or if a file that no report wrote is in the way; then nothing has changed.
    """
    owned = _check_owned(out, files)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".heptathlon-") as folder:
            staging = Path(folder)
            for name, text in files.items():
                _write(staging / name, text)
            # Ownership is claimed before and released after, so that a cut-off build can be repeated.
            _replace_manifest(staging, out, owned | files.keys())
            for name in sorted(files, key=lambda name: (name == "index.html", name)):
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(staging / name, out / name)
            for name in sorted(owned - files.keys()):
                _remove(out, name)
            _replace_manifest(staging, out, files)
    except OSError as error:
        raise StoreError(_explain(out, error)) from error


def _check_owned(out: Path, names: Iterable[str]) -> set[str]:
    """Return the files of the last report. Raises StoreError if one of `names` is there and is none of them."""
    owned = _owned(out)
    foreign = sorted(name for name in names if name not in owned and (out / name).exists())
    if foreign:
        raise StoreError(
            f"{out / foreign[0]} was not written by heptathlon and is left alone; name another folder with --out, "
            "or move the file"
        )
    return owned


def _owned(out: Path) -> set[str]:
    """Files of the last report. A manifest is a text file anyone can edit: names that leave the folder do not count."""
    try:
        names = (out / MANIFEST).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{out / MANIFEST} cannot be read ({error}); delete it, or name another --out") from error
    return {name for name in names if name and not PurePosixPath(name).is_absolute() and ".." not in name.split("/")}


def _remove(out: Path, name: str) -> None:
    path = out / name
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == out:
            break
        with contextlib.suppress(OSError):  # a folder that still holds something stays
            folder.rmdir()


def _replace_manifest(staging: Path, out: Path, names: Iterable[str]) -> None:
    _write(staging / MANIFEST, "".join(f"{name}\n" for name in sorted(names)))
    os.replace(staging / MANIFEST, out / MANIFEST)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _explain(out: Path, error: OSError) -> str:
    reason = error.strerror or error
    return f"the report cannot be written to {out}: {reason}; change its permissions, free space, or name another --out"
