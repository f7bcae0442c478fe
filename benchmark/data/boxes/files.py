"""Images with boxes that lie on disk: chosen before they are decoded, brought to one size, kept.

What every layout shares. A plug-in inherits from `benchmark.data.boxes.voc.VocFiles` or
`benchmark.data.boxes.coco.CocoFiles`, which read their layout's annotations.

A box that reaches out of its image is clipped. One of which nothing is left, or whose corners coincide or are swapped,
is a slip of whoever annotated it: real sets have a few, so it is left out and counted, and `heptathlon data describe`
says how many there were. All else that cannot be read as meant is a DataError that names the file.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.boxes.annotated import Annotated
from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.cache import content_hash, digest, kept_array
from benchmark.data.catalogue import Split
from benchmark.data.images.decoding import decoded, image_at
from benchmark.data.images.listing import opened
from benchmark.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

READING = 1
"""Raise when the same files would give other boxes or pixels: it enters fingerprints and the names of kept arrays."""


class BoxFiles(ABC):
    """A `BoxDataset` read from disk. title: how its errors call it."""

    title: str
    drawn = False

    @abstractmethod
    def missing(self, root: Path) -> str | None:
        """Return None if the files are there, else a sentence that names them and where to put them."""

    @abstractmethod
    def categories(self, root: Path) -> tuple[str, ...]:
        """Names of all classes, in the order of labels. Raises DataError if they must be read and cannot."""

    @abstractmethod
    def fetch(self, root: Path) -> None:
        """Download into `root`. Raises DataError if it cannot."""

    @abstractmethod
    def files(self, root: Path) -> Sequence[tuple[str, Path]]:
        """All files that decide the data, as (name within the dataset, path); called only if none is missing."""

    @abstractmethod
    def annotations(self, split: Split, root: Path) -> Annotated:
        """Read the annotations of a split; called only if none is missing. Raises DataError for a damaged one."""

    @abstractmethod
    def where(self, root: Path) -> Path:
        """Folder or zip that names of images are below; called only if it is there."""

    def fingerprint(self, root: Path) -> str:
        """Return the hash of images, annotations and how they are read. Raises DataError if files are missing."""
        absent = self.missing(root)
        if absent:
            raise DataError(absent)
        return digest(content_hash(self.files(root)).encode(), json.dumps([READING, *self.decisive()]).encode())

    def decisive(self) -> list[object]:
        """What decides the data besides the files, as JSON takes it."""
        return []

    def annotated(self, split: Split, *, root: Path) -> Annotated:
        """Annotations of a split, read once and kept. Raises DataError if files are missing or damaged."""
        return self._annotated(split, root, self.fingerprint(root))

    def boxed(
        self, split: Split, *, root: Path, size: tuple[int, int], count: int | None, seed: int, spread: float
    ) -> BoxedImages:
        """See `BoxDataset.boxed`. A larger count takes the same images and more. Raises DataError for a `spread`
        other than 1, more images than there are, and files that are missing or damaged.
        """
        import torch

        if spread != 1.0:
            raise DataError(
                f"{self.title} is read from disk, where objects lie as they do; spread is {spread}, ask for 1"
            )
        if min(size) < 1:
            raise DataError(f"images of {size[0]} x {size[1]} pixels cannot be; ask for a size of 1 or more")
        content = self.fingerprint(root)
        annotated = self._annotated(split, root, content)
        key = [content, split, *map(str, size)]
        if count is not None:
            images = self._choice(len(annotated.names), split, count=count, seed=seed)
            annotated = annotated.chosen(images)
            key.append(digest(images.tobytes()))
        name = f"boxes/{annotated.where.stem}-{split}-{digest(*(word.encode() for word in key))}"
        return BoxedImages(
            torch.from_numpy(kept_array(name, lambda: _decode(annotated, size))),
            annotated.scaled(size),
            torch.from_numpy(annotated.labels),
            torch.from_numpy(annotated.counts),
            torch.from_numpy(annotated.ignored),
            annotated.classes,
            int(annotated.dropped.sum()),
        )

    def _annotated(self, split: Split, root: Path, content: str) -> Annotated:
        where = self.where(root)
        name = f"boxes/{where.stem}-{split}-annotations-{content}"
        return Annotated.unpacked(kept_array(name, lambda: self.annotations(split, root).packed()), where)

    def _choice(self, available: int, split: Split, *, count: int, seed: int) -> NDArray[np.int64]:
        import torch

        from benchmark.seeding import generator

        if not 1 <= count <= available:
            raise DataError(
                f"{self.title} has {available} images in its {split!r} split, and the track asks for {count}; choose "
                "a larger dataset or a smaller tier"
            )
        order: NDArray[np.int64] = torch.randperm(available, generator=generator(seed, "choose"))[:count].numpy()
        return order


def _decode(annotated: Annotated, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels (n, 3, height, width). Raises DataError for an image that is damaged or not as large as annotated."""
    with opened(annotated.where) as open_member:
        for name, (height, width) in zip(annotated.names, annotated.sizes.tolist(), strict=True):
            with image_at(annotated.where, name, open_member) as image:
                found = image.size
            if found != (width, height):  # boxes in pixels of another version of the image would be wrong
                raise DataError(
                    f"the image {name} in {annotated.where} has {found[0]} x {found[1]} pixels and its annotation says "
                    f"{width} x {height}; restore the one that was changed"
                )
    return decoded(annotated.where, annotated.names, size=(size[1], size[0]), mode="RGB")
