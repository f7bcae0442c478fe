"""What can be made again and is therefore kept: rendered fonts, decoded images, content hashes, under `cache_root()`.

A kept file is written whole or not at all (temporary file, then rename) and carries the hash of its content: a damaged
one is made again, and a folder that cannot be written costs time, never a result.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import DataError
from benchmark.machine.paths import cache_root

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def digest(*parts: bytes | memoryview) -> str:
    """Hash byte strings to 32 hexadecimal digits; where one part ends and the next begins counts."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(memoryview(part).nbytes.to_bytes(8))
        state.update(part)
    return state.hexdigest()


def content_hash(files: Sequence[tuple[str, Path]]) -> str:
    """Hash the names and contents of files, given as (name within the dataset, path).

    The answer is kept under the paths, sizes and modification times, so that files are read again only if one of these
    changes. Raises DataError if a file cannot be read.
    """
    try:
        stats = [(name, str(path.resolve()), (stat := path.stat()).st_size, stat.st_mtime_ns) for name, path in files]
        kept = cache_root() / "hashes" / digest(json.dumps(stats).encode())
        with contextlib.suppress(OSError, ValueError):
            text = kept.read_text(encoding="ascii")
            if len(text) == 32 and int(text, 16) >= 0:
                return text
        state = hashlib.blake2b(digest_size=16)
        for name, path in files:
            with path.open("rb") as file:
                state.update(f"{name}\0{hashlib.file_digest(file, 'blake2b').hexdigest()}\n".encode())
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename}: {error.strerror}; restore the file or its permissions"
        ) from None
    write_whole(kept, [state.hexdigest().encode()])
    return state.hexdigest()


def kept_array(name: str, make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the kept uint8 array of that name; make and keep it if there is none or its file is damaged.

    `name` must hold a hash of everything that decides the content.
    """
    path = cache_root() / name
    array = _read(path)
    if array is None:
        array = make()
        header = json.dumps({"shape": array.shape, "digest": digest(array.data)}) + "\n"
        write_whole(path, [header.encode(), array.data])
    return array


def write_whole(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write the parts to `path` at once; other processes see the old file or the new one. Does nothing if it cannot."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            for part in parts:
                file.write(part)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _read(path: Path) -> NDArray[np.uint8] | None:
    import numpy as np

    try:
        with path.open("rb") as file:
            header = json.loads(file.readline())
            array = np.fromfile(file, dtype=np.uint8).reshape(header["shape"])
        return array if digest(array.data) == header["digest"] else None
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not what was written
        return None
