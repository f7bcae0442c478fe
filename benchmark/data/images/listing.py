"""What an image folder or zip holds, and how its members are opened; `image_folder` beside it decodes them."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Protocol, get_args

from benchmark.data.catalogue import Split
from benchmark.errors import DataError

SPLITS: tuple[Split, ...] = get_args(Split)
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class Opener(Protocol):
    """Opens an image by its name in the listing."""

    def __call__(self, name: str) -> IO[bytes]:
        """Return the open file."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What an image folder holds.

    classes: sorted;  files: per split, the names of each class's images, in the order of `classes`.
    """

    where: Path
    classes: tuple[str, ...]
    files: Mapping[Split, tuple[tuple[str, ...], ...]]

    def names(self, split: Split) -> list[str]:
        """Names of all images of a split, in order."""
        return [name for names in self.files[split] for name in names]


def has_layout(path: Path) -> bool:
    """Say whether a folder, or a zip, looks like an image folder, at the cost of a few system calls.

    A zip is judged by its first members alone, because listing 60,000 names takes a third of a second.
    """
    if os.path.isdir(path):  # unlike Path.is_dir, no error for a folder that may not be entered
        return all(os.path.isdir(path / split) for split in SPLITS)
    if path.suffix != ".zip" or not os.path.isfile(path):
        return False
    return any(_within(name) is not None or _is_split_folder(name) for name in _first_members(path))


def listed(where: Path) -> Listing:
    """List an image folder or zip. Raises DataError if a split or a class is missing or empty."""
    found: dict[Split, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for name in zip_members(where) if where.is_file() else _folder_members(where):
        parts = _within(name)
        if parts is not None:
            split, class_name, file = parts
            images = found[split].setdefault(class_name, [])
            if Path(file).suffix.lower() in SUFFIXES and not file.startswith("."):
                images.append(name)
    classes = tuple(sorted(set().union(*found.values())))
    for split in SPLITS:
        absent = [name for name in classes if not found[split].get(name)]
        if absent or not classes:
            raise DataError(
                f"{where} has no images in {split}/ for {', '.join(absent) or 'any class'}; train/ and test/ need the "
                f"same classes, each with at least one image ({', '.join(sorted(SUFFIXES))})"
            )
    return Listing(where, classes, {s: tuple(tuple(sorted(found[s][name])) for name in classes) for s in SPLITS})


@contextmanager
def opened(where: Path) -> Iterator[Opener]:
    """Give the function that opens the images of an image folder or zip."""
    if where.is_dir():
        yield lambda name: (where / name).open("rb")
        return
    with zipfile.ZipFile(where) as archive:
        yield lambda name: BytesIO(archive.read(name))  # at once: Pillow reads a JPEG in some forty pieces


def _folder_members(where: Path) -> Iterator[str]:
    try:
        for split in SPLITS:
            for folder in os.listdir(where / split):
                if os.path.isdir(where / split / folder):
                    yield f"{split}/{folder}/"  # so that an empty class is seen
                    yield from (f"{split}/{folder}/{file}" for file in os.listdir(where / split / folder))
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}; restore the folder") from None


def zip_members(where: Path) -> list[str]:
    """Names of all members of a zip. Raises DataError if it is none or was cut short."""
    try:
        with zipfile.ZipFile(where) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {where}: {error}; it is no complete zip file, copy it again") from None


def _within(name: str) -> tuple[Split, str, str] | None:
    """Split, class and file of a member's name, which may lie below one folder of the archive's own name."""
    parts = name.split("/")
    for split in SPLITS:
        if len(parts) in {3, 4} and parts[-3] == split and not parts[-2].startswith("."):
            return split, parts[-2], parts[-1]
    return None


def _is_split_folder(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    return name.endswith("/") and len(parts) <= 2 and parts[-1] in SPLITS


def _first_members(path: Path, count: int = 8) -> Iterator[str]:
    """Names in a zip's first local file headers (PKWARE APPNOTE 6.3.10, section 4.3.7)."""
    header = struct.Struct("<4s14xLLHH")  # signature, sizes packed and unpacked, lengths of name and extra field
    try:
        with path.open("rb") as file:
            for _ in range(count):
                block = file.read(header.size)
                if len(block) < header.size or not block.startswith(b"PK\x03\x04"):
                    return
                _, packed, _, name_length, extra_length = header.unpack(block)
                yield file.read(name_length).decode("utf-8", "replace")
                file.seek(extra_length + packed, os.SEEK_CUR)
    except OSError:
        return
