"""Classes as folders without a published split: a rule says which images are "test"; decoded once, the arrays are kept.

What Omniglot, EuroSAT and mini-ImageNet share. A plug-in inherits from `ClassFolders`, says what is missing and lists
its images with `images_below` and `divided`.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmark.data.cache import content_hash, digest
from benchmark.data.catalogue import LabelledImages, Split
from benchmark.data.images.decoding import Mode, decoded, load
from benchmark.data.images.listing import SPLITS, SUFFIXES, Listing, zip_members
from benchmark.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DECODING = 1
"""Raise when the same files would be decoded to other arrays: it enters fingerprints and the names of kept arrays."""


class ClassFolders(ABC):
    """A fixed dataset whose classes are folders of images.

    size: side of the square images in pixels;  mode: "L" gives one channel, "RGB" three;  resampling: Pillow's filter
    for images of another size, whose aspect is not kept;  inverted: swap dark and bright.
    """

    size: int
    mode: Mode = "RGB"
    resampling: Literal["BILINEAR", "BOX"] = "BILINEAR"
    inverted: bool = False

    @abstractmethod
    def missing(self, root: Path) -> str | None:
        """Return None if the files are there, else a sentence that names them and where to put them."""

    @abstractmethod
    def listing(self, root: Path) -> Listing:
        """List the images; called only if none is missing. Raises DataError for a layout that cannot be read."""

    def fingerprint(self, root: Path) -> str:
        """Return the hash of the images, their classes and splits, and how they are decoded."""
        return self._fingerprint(self._found(root))

    def load(self, split: Split, *, root: Path) -> LabelledImages:
        """Read one split: images (n, 1 or 3, size, size), class by class. Raises DataError if files are missing or
        damaged, or a class has no image in a split.
        """
        listing = self._found(root)
        return load(
            listing, split, decided_by=[self._fingerprint(listing)], decode=lambda: self._decode(listing, split)
        )

    def _found(self, root: Path) -> Listing:
        absent = self.missing(root)
        if absent:
            raise DataError(absent)
        return self.listing(root)

    def _fingerprint(self, listing: Listing) -> str:
        where = listing.where
        if where.is_file():
            content = content_hash([(where.name, where)])
        else:
            content = content_hash(
                [
                    (f"{split}/{class_name}/{Path(name).name}", where / name)
                    for split in SPLITS
                    for class_name, names in zip(listing.classes, listing.files[split], strict=True)
                    for name in names
                ]
            )
        decoding = [DECODING, self.size, self.mode, self.resampling, self.inverted]
        return digest(content.encode(), json.dumps(decoding).encode())

    def _decode(self, listing: Listing, split: Split) -> NDArray[np.uint8]:
        side = (self.size, self.size)
        pixels = decoded(listing.where, listing.names(split), size=side, mode=self.mode, resampling=self.resampling)
        return 255 - pixels if self.inverted else pixels


def every_fifth(position: int, name: str) -> bool:
    """The rule for classes without a published split: every fifth image, in alphabetical order, is "test"."""
    return position % 5 == 4


def images_below(where: Path, *, depth: int) -> dict[str, list[str]]:
    """Names of the images in each folder `depth` levels below a folder, or in a zip; an empty folder has none.

    Keys are the folders' last `depth` names, "Greek/character01" for a depth of 2, in alphabetical order. In a zip the
    folders may lie below one more. Hidden files, other files and what macOS adds are passed over. Raises DataError if
    `where` cannot be listed.
    """
    found: dict[str, list[str]] = {}
    for name in _zipped(where, depth) if where.is_file() else _members(where, depth):
        *folders, file = name.split("/")
        if any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
            continue
        images = found.setdefault("/".join(folders[-depth:]), [])
        if Path(file).suffix.lower() in SUFFIXES:
            images.append(name)
    return dict(sorted(found.items()))


def divided(
    where: Path, images: Mapping[str, Sequence[str]], *, is_test: Callable[[int, str], bool] = every_fifth
) -> Listing:
    """Divide each class's images, in alphabetical order, into the two splits.

    images: names below `where` of each class, classes in their final order;  is_test: takes an image's position in its
    class, from 0, and its name. Raises DataError if there is no class or a class has no image in a split.
    """
    if not images:
        raise DataError(f"{where} has no folder of images for any class; unpack the dataset there again")
    files: dict[Split, list[tuple[str, ...]]] = {"train": [], "test": []}
    for class_name, names in images.items():
        chosen = [(is_test(position, name), name) for position, name in enumerate(sorted(names))]
        for split in SPLITS:
            files[split].append(tuple(name for test, name in chosen if test == (split == "test")))
            if not files[split][-1]:
                raise DataError(
                    f"class {class_name!r} in {where} has {len(names)} images and none of them is for {split!r}; "
                    "restore its images or remove its folder"
                )
    return Listing(where, tuple(images), {split: tuple(files[split]) for split in SPLITS})


def _members(where: Path, depth: int) -> Iterator[str]:
    """Names of the folders at that depth, ending in "/", and of what lies in them."""
    folders = [""]
    try:
        for _ in range(depth):
            inner = ((folder, name) for folder in folders for name in os.listdir(where / folder))
            folders = [f"{folder}{name}/" for folder, name in inner if os.path.isdir(where / folder / name)]
        for folder in folders:
            yield folder  # so that an empty class is seen
            yield from (folder + file for file in os.listdir(where / folder))
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}; restore the folder") from None


def _zipped(where: Path, depth: int) -> list[str]:
    """Members of a zip that are folders at that depth or lie in one; all folders may lie below one more."""
    names = [name for name in zip_members(where) if not name.startswith("__MACOSX/")]
    levels = {name.count("/") for name in names if not name.endswith("/")} & {depth, depth + 1}
    return [name for name in names if levels and name.count("/") == max(levels)]
