"""Image folders: `train/<class>/<images>` and `test/<class>/<images>`, as a folder or as a zip read without unpacking.

Classes are the folder names in alphabetical order, images follow in alphabetical order within their class. All images
are brought to one size, and to RGB unless every one of them is greyscale. They are decoded once; the arrays are kept.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, get_args

from benchmark.cachefile import content_hash, digest, kept_array
from benchmark.data import LabelledImages, Split
from benchmark.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

SPLITS: tuple[Split, ...] = get_args(Split)
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
GREY = frozenset({"1", "L", "LA"})
DEEP = ("I", "F")
"""Pillow's names of modes with more than eight bits per channel begin so."""

_DECODING = "1"
"""Raise when the same files would be decoded to other arrays, so that kept arrays are not reused."""


class _Opener(Protocol):
    def __call__(self, name: str) -> IO[bytes]: ...


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


class ImageFolder:
    """A dataset read from the first of some places that exists under the data root.

    places: names below the root, a folder or a zip;  size: side of the images in pixels, None for the size of the
    first training image. Images of another size are resized bilinearly, without keeping their aspect.
    """

    def __init__(self, places: Sequence[str], *, size: int | None = None) -> None:
        self.places = tuple(places)
        self.size = size

    def place(self, root: Path) -> Path | None:
        """Where the images are, or None."""
        return next((root / name for name in self.places if has_layout(root / name)), None)

    def missing(self, root: Path) -> str | None:
        """Return None if one of the places exists, else a sentence that names them."""
        if self.place(root) is not None:
            return None
        return (
            f"no images at {' or '.join(str(root / name) for name in self.places)}; "
            "put train/<class>/<images> and test/<class>/<images> there"
        )

    def fingerprint(self, root: Path) -> str:
        """Return the content hash of the images, or of the zip that holds them."""
        where = self._found(root)
        if where.is_file():
            return content_hash([(where.name, where)])
        listing = listed(where)
        return content_hash([(name, where / name) for split in SPLITS for name in listing.names(split)])

    def load(self, split: Split, *, root: Path) -> LabelledImages:
        """Read one split. Raises DataError if it is missing, lacks a class, or has an image that cannot be read."""
        import torch

        where = self._found(root)
        listing = listed(where)
        key = digest(_DECODING.encode(), self.fingerprint(root).encode(), str(self.size).encode(), split.encode())
        images = kept_array(f"images/{where.stem}-{split}-{key}", lambda: decoded(listing, split, size=self.size))
        counts = torch.tensor([len(names) for names in listing.files[split]])
        labels = torch.repeat_interleave(torch.arange(len(counts)), counts)
        return LabelledImages(torch.from_numpy(images), labels, listing.classes)

    def fetch(self, root: Path) -> None:
        """Raise DataError: these images are the user's own and have no address."""
        raise DataError(self.missing(root) or f"{self._found(root)} is the user's own; there is nothing to download")

    def _found(self, root: Path) -> Path:
        where = self.place(root)
        if where is None:
            raise DataError(self.missing(root) or f"the images under {root} vanished; put them back")
        return where


def has_layout(path: Path) -> bool:
    """Say whether a folder, or a zip, looks like an image folder, at the cost of a few system calls.

    A zip is judged by its first members alone, because listing 60,000 names takes a third of a second.
    """
    if path.is_dir():
        return all((path / split).is_dir() for split in SPLITS)
    if path.suffix != ".zip" or not path.is_file():
        return False
    return any(_within(name) is not None or _is_split_folder(name) for name in _first_members(path))


def listed(where: Path) -> Listing:
    """List an image folder or zip. Raises DataError if a split or a class is missing or empty."""
    found: dict[Split, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for name in _zip_members(where) if where.is_file() else _folder_members(where):
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


def decoded(listing: Listing, split: Split, *, size: int | None) -> NDArray[np.uint8]:
    """Decode a split to (n, 1 or 3, height, width). Raises DataError that names an image which cannot be read."""
    import numpy as np
    from PIL.Image import Resampling

    names = listing.names(split)
    with _opened(listing.where) as open_member:
        everything = (name for each in SPLITS for name in listing.names(each))
        grey = all(_look(listing.where, name, open_member)[0] in GREY for name in everything)
        width, height = (size, size) if size else _look(listing.where, listing.names("train")[0], open_member)[1]
        pixels = np.empty((len(names), height, width, 1 if grey else 3), dtype=np.uint8)
        for index, name in enumerate(names):
            with _image(listing.where, name, open_member) as image:
                flat = image.convert("L" if grey else "RGB")
            if flat.size != (width, height):
                flat = flat.resize((width, height), Resampling.BILINEAR)
            pixels[index] = np.asarray(flat).reshape(height, width, -1)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


@contextmanager
def _image(where: Path, name: str, open_member: _Opener) -> Iterator[Image]:
    from PIL import Image

    try:
        with open_member(name) as file, Image.open(file) as image:
            if image.mode.startswith(DEEP):
                raise ValueError(f"mode {image.mode} has more than 8 bits per channel")
            yield image
    # Pillow raises SyntaxError for broken PNG chunks, DecompressionBombError for absurd sizes
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, zipfile.BadZipFile) as error:
        raise DataError(
            f"cannot read the image {name} in {where}: {error}; replace it with an 8-bit image or remove it"
        ) from None


def _look(where: Path, name: str, open_member: _Opener) -> tuple[str, tuple[int, int]]:
    with _image(where, name, open_member) as image:
        return image.mode, image.size


@contextmanager
def _opened(where: Path) -> Iterator[_Opener]:
    if where.is_dir():
        yield lambda name: (where / name).open("rb")
        return
    with zipfile.ZipFile(where) as archive:
        yield archive.open


def _folder_members(where: Path) -> Iterator[str]:
    try:
        for split in SPLITS:
            for folder in os.scandir(where / split):
                if folder.is_dir() and not folder.name.startswith("."):
                    yield f"{split}/{folder.name}/"  # so that an empty class is seen
                    yield from (f"{split}/{folder.name}/{file.name}" for file in os.scandir(folder.path))
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}; restore the folder") from None


def _zip_members(where: Path) -> list[str]:
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
