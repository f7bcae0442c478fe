"""COCO 2017: photographs with boxes around eighty kinds of things (Lin et al. 2014, arXiv:1405.0312).

"train" is train2017 (118,287 images) and "test" is val2017 (5,000), as the test set's annotations were never published.
Crowds are ignored: neither demanded nor punished. Tracks take a seeded choice of images, as all together fill a memory;
hashing them for the first time takes minutes.
"""

from __future__ import annotations

from pathlib import Path

from benchmark.data.boxes.coco import CocoFiles
from benchmark.data.catalogue import catalogue
from benchmark.errors import DataError

PAGE = "https://cocodataset.org"
FILES = "http://images.cocodataset.org"
ARCHIVES = {
    "zips/train2017.zip": "18 GB, gives train2017/",
    "zips/val2017.zip": "1 GB, gives val2017/",
    "annotations/annotations_trainval2017.zip": "0.3 GB, gives annotations/",
}
UNPACK = ", ".join(f"{FILES}/{name} ({what})" for name, what in ARCHIVES.items())


@catalogue.add(
    "coco2017",
    title="COCO 2017: eighty kinds of things, with boxes",
    licence="annotations CC BY 4.0; that of each photograph on Flickr",
    source=PAGE,
)
class Coco2017(CocoFiles):
    """The published pair of splits with their instances."""

    title = "COCO 2017"
    folder = "coco"
    images = {"train": "train2017", "test": "val2017"}  # noqa: RUF012  read only
    instances = {  # noqa: RUF012  read only
        "train": "annotations/instances_train2017.json",
        "test": "annotations/instances_val2017.json",
    }
    remedy = f"unpack {UNPACK} into the folder {folder}"

    def fetch(self, root: Path) -> None:
        """Raise DataError with the addresses: nobody wants twenty gigabytes by a slip of the hand."""
        raise DataError(
            f"COCO 2017 is 19 GB in three archives, which heptathlon does not download; unpack {UNPACK} into "
            f"{self.where(root)}"
        )
