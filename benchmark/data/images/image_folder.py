"""Image folders: `train/<class>/<images>` and `test/<class>/<images>`, as a folder or as a zip read without unpacking.

Classes are the folder names in alphabetical order, images follow in alphabetical order within their class. All images
are brought to one size, and to RGB unless every one of them is greyscale. They are decoded once; the arrays are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.cache import content_hash
from benchmark.data.catalogue import Catalogue, LabelledImages, Split
from benchmark.data.images.decoding import decoded, image_at, load
from benchmark.data.images.listing import SPLITS, Listing, has_layout, listed, opened
from benchmark.data.own_folders import register
from benchmark.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GREY = frozenset({"1", "L", "LA"})
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
        listing = listed(self._found(root))
        words = (_DECODING, self.fingerprint(root), str(self.size))
        return load(listing, split, decided_by=words, decode=lambda: _decode(listing, split, size=self.size))

    def fetch(self, root: Path) -> None:
        """Raise DataError: these images are the user's own and have no address."""
        raise DataError(self.missing(root) or f"{self._found(root)} is the user's own; there is nothing to download")

    def _found(self, root: Path) -> Path:
        where = self.place(root)
        if where is None:
            raise DataError(self.missing(root) or f"the images under {root} vanished; put them back")
        return where


def register_folders(root: Path, catalogue: Catalogue) -> None:
    """Register each image folder or zip below `root` under its name."""
    register(
        root,
        catalogue,
        has_layout=has_layout,
        make=lambda name: ImageFolder((name,)),
        what="image folder",
        origin=__file__,
    )


def _decode(listing: Listing, split: Split, *, size: int | None) -> NDArray[np.uint8]:
    """A split's array: grey if every image of both splits is, and of the first training image's size without one."""
    names = listing.names(split)
    with opened(listing.where) as open_member:

        def look(name: str) -> tuple[str, tuple[int, int]]:
            with image_at(listing.where, name, open_member) as image:
                return image.mode, image.size

        grey = all(look(name)[0] in GREY for each in SPLITS for name in listing.names(each))
        own = (size, size) if size else look(listing.names("train")[0])[1]
    return decoded(listing.where, names, size=own, mode="L" if grey else "RGB")
