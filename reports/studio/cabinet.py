"""Keeps figures by a hash of what they show and of what draws them, so that none is drawn twice.

Nothing here is needed: whatever is lost, damaged or cannot be written is drawn again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmark import results
from benchmark.results.record import dump
from reports.studio.painter import Drawn, Sheet, packed, unpacked

_DAYS = 60
"""For which a figure is kept that no report shows."""
_BYTES = 256 * 2**20
"""Of all figures together, beyond which those go that were not shown for longest."""
_DRAWN_WITH = ("matplotlib", "numpy", "polars", "scipy", "pillow", "contourpy")
_DIGEST = 16
"""Bytes of a hash."""


class Cabinet:
    """Figures in a folder; without a folder, it is always empty."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def shelf(self, sheet: Sheet) -> str:
        """Name what a table's figures show, together with the code that draws them."""
        if self._folder is None:
            return ""
        rows = [replace(row, records=(), failures=()) for row in sheet.table.rows]
        digest = hashlib.blake2b(_code(), digest_size=_DIGEST)
        digest.update(repr((replace(sheet.table, rows=tuple(rows)), sorted(sheet.styles.items()))).encode())
        for row in sheet.table.rows:
            for record in row.records + row.failures:
                digest.update(dump(record).encode())
        return digest.hexdigest()

    def find(self, name: str) -> Drawn | None:
        """Return what is kept under a name, None for a figure without data. Raises KeyError if there is nothing."""
        if self._folder is None:
            raise KeyError(name)
        path = self._folder / name
        try:
            content = path.read_bytes()
            digest, data = content[:_DIGEST], content[_DIGEST:]
            if _digest(data) != digest:
                raise KeyError(name)
            drawn = unpacked(zlib.decompress(data))
        except (OSError, ValueError, TypeError, zlib.error) as error:
            raise KeyError(name) from error
        with contextlib.suppress(OSError):
            os.utime(path)
        return drawn

    def keep(self, name: str, drawn: Drawn | None) -> None:
        """Keep it, whole or not at all; where that cannot be done, go on."""
        if self._folder is None:
            return
        data = zlib.compress(packed(drawn), 1)
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(dir=self._folder, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_digest(data) + data)
                os.replace(path, self._folder / name)
            except BaseException:
                Path(path).unlink(missing_ok=True)
                raise

    def tidy(self) -> None:
        """Remove what was not shown for long, and more where all together is too much."""
        if self._folder is None:
            return
        room, oldest = _BYTES, time.time() - _DAYS * 86400
        for used, size, path in sorted(_entries(self._folder), reverse=True):
            room -= size
            if room < 0 or used < oldest:
                with contextlib.suppress(OSError):
                    path.unlink()


def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """(when it was last used, bytes, path) of each file."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                stat = path.stat()
                yield stat.st_mtime, stat.st_size, path


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()


@cache
def _code() -> bytes:
    """Hash of all that decides how records become figures: our own sources, and the libraries."""
    digest = hashlib.blake2b(platform.python_version().encode())
    for name in _DRAWN_WITH:
        with contextlib.suppress(PackageNotFoundError):
            digest.update(f"{name} {version(name)}\n".encode())
    for folder in (Path(__file__).parents[1], Path(results.__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.digest()
