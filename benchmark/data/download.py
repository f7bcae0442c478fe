"""Downloads that the user asked for: a failure is an error that says what to fetch by hand and where to put it."""

from __future__ import annotations

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
