"""Downloads that the user asked for: a failure is an error that says what to fetch by hand and where to put it."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from benchmark.errors import DataError


@contextmanager
def downloading(what: str, *, root: Path, source: str, by_hand: str) -> Iterator[None]:
    """Create `root` and run the block; turn a failed download into a DataError.

    what: the dataset's title;  source: where the files come from;  by_hand: the sentence on where to put which files.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    # torchvision reports a file whose checksum differs, and a list of mirrors that all failed, as RuntimeError
    except (OSError, HTTPException, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"could not download {what} from {source}: {reason}; by hand: {by_hand}") from error


def download_file(url: str, path: Path) -> None:
    """Download to `path`, which is there whole or not at all. For use inside `downloading`: raises OSError or
    HTTPException if it fails.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as folder:
        part = Path(folder) / path.name
        with urllib.request.urlopen(url, timeout=60) as response, part.open("wb") as file:
            shutil.copyfileobj(response, file)
            expected = response.headers.get("Content-Length")
        if expected is not None and part.stat().st_size != int(expected):
            raise OSError(f"{url} broke off after {part.stat().st_size} of {expected} bytes")
        os.replace(part, path)
