"""Image folders: `train/<class>/<images>` and `test/<class>/<images>`, as a folder or as a zip read without unpacking.

Classes are the folder names in alphabetical order, images follow in alphabetical order within their class. All images
are brought to one size, and to RGB unless every one of them is greyscale. They are decoded once; the arrays are kept.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.cachefile import content_hash, digest, kept_array
from benchmark.data import Catalogue, DatasetEntry, LabelledImages, Split
from benchmark.errors import DataError
from benchmark.image_listing import SPLITS, Listing, Opener, has_layout, listed, opened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

GREY = frozenset({"1", "L", "LA"})
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What Pillow and zipfile raise for a damaged or encrypted image; SyntaxError is for broken PNG chunks."""
DEEP = ("I", "F")
"""Pillow's names of modes with more than eight bits per channel begin so."""

_DECODING = "1"
"""Raise when the same files would be decoded to other arrays, so that kept arrays are not reused."""


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


def register_folders(root: Path, catalogue: Catalogue) -> None:
    """Register each image folder or zip below `root` under its name, in lower case with "-" for other characters.

    A name that is taken is left alone, and a plug-in that comes later may take the name of a folder.
    """
    if not root.is_dir():
        return
    for path in sorted(root.iterdir()):
        name = re.sub(r"[^a-z0-9_-]+", "-", path.name.removesuffix(".zip").lower()).strip("-")
        if not name or path.name.startswith(".") or name in catalogue.entries or not has_layout(path):
            continue
        catalogue.entries[name] = DatasetEntry(
            name,
            title=f"{path.name}, the user's image folder",
            licence="the user's own; not known",
            source=str(path),
            dataset=ImageFolder((path.name,)),
            gives_way=True,
        )


def decoded(listing: Listing, split: Split, *, size: int | None) -> NDArray[np.uint8]:
    """Decode a split to (n, 1 or 3, height, width). Raises DataError that names an image which cannot be read."""
    import numpy as np
    from PIL.Image import Resampling

    names = listing.names(split)
    with opened(listing.where) as open_member:
        everything = (name for each in SPLITS for name in listing.names(each))
        grey = all(_look(listing.where, name, open_member)[0] in GREY for name in everything)
        width, height = (size, size) if size else _look(listing.where, listing.names("train")[0], open_member)[1]
        pixels = np.empty((len(names), height, width, 1 if grey else 3), dtype=np.uint8)
        for index, name in enumerate(names):
            with image_at(listing.where, name, open_member) as image:
                flat = image.convert("L" if grey else "RGB")
            if flat.size != (width, height):
                flat = flat.resize((width, height), Resampling.BILINEAR)
            pixels[index] = np.asarray(flat).reshape(height, width, -1)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


@contextmanager
def image_at(where: Path, name: str, open_member: Opener) -> Iterator[Image]:
    """Open one image of a folder or zip. Raises DataError that names it if it cannot be read, here or in the block."""
    from PIL import Image

    try:
        with open_member(name) as file, Image.open(file) as image:
            if image.mode.startswith(DEEP):
                raise ValueError(f"mode {image.mode} has more than 8 bits per channel")
            yield image
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise DataError(
            f"cannot read the image {name} in {where}: {error}; replace it with an 8-bit image or remove it"
        ) from None


def _look(where: Path, name: str, open_member: Opener) -> tuple[str, tuple[int, int]]:
    with image_at(where, name, open_member) as image:
        return image.mode, image.size
