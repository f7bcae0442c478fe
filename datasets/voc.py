"""Pascal VOC 2007 and 2012: photographs with boxes around twenty kinds of things (Everingham et al. 2010, "The Pascal
Visual Object Classes (VOC) Challenge", IJCV 88; 2015, "The Pascal VOC Challenge: a retrospective", IJCV 111).

Of 2007 "train" is trainval (5,011 images) and "test" is test (4,952). The annotations of 2012's test set were never
published: there "train" is train (5,717) and "test" is val (5,823). Objects marked as difficult are ignored, neither
demanded nor punished, as in VOC's own evaluation.
"""

from __future__ import annotations

from pathlib import Path

from benchmark.data.boxes.voc import VocFiles
from benchmark.data.catalogue import catalogue
from benchmark.data.download import downloading

PAGE = "http://host.robots.ox.ac.uk/pascal/VOC/"
LICENCE = "that of each photograph on Flickr; for research"
CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


class Voc(VocFiles):
    """One year, where torchvision unpacks it. archives: the files to download, all of which unpack to `VOCdevkit`."""

    year: str
    archives: tuple[str, ...]
    parts: tuple[str, ...]  # torchvision's names of what the archives hold
    classes = CLASSES

    def fetch(self, root: Path) -> None:
        """Download and unpack into `root` through torchvision. Raises DataError if that fails."""
        files = " and ".join(self.archives)
        by_hand = f"download {files} from {PAGE} and unpack into {root}, which gives {root / self.places[0]}"
        with downloading(self.title, root=root, source=PAGE, by_hand=by_hand):
            from torchvision import datasets

            for part in self.parts:
                datasets.VOCDetection(root=str(root), year=self.year, image_set=part, download=True)


@catalogue.add("voc2007", title="Pascal VOC 2007: twenty kinds of things, with boxes", licence=LICENCE, source=PAGE)
class Voc2007(Voc):
    """The common pair: trainval and test of 2007."""

    title = "Pascal VOC 2007"
    year = "2007"
    archives = ("VOCtrainval_06-Nov-2007.tar", "VOCtest_06-Nov-2007.tar")
    parts = ("trainval", "test")
    places = ("VOCdevkit/VOC2007",)
    remedy = f"unpack {' and '.join(archives)} (from {PAGE}) in the data folder, or run `heptathlon data fetch voc2007`"


@catalogue.add("voc2012", title="Pascal VOC 2012: twenty kinds of things, with boxes", licence=LICENCE, source=PAGE)
class Voc2012(Voc):
    """Train and val of 2012."""

    title = "Pascal VOC 2012"
    year = "2012"
    archives = ("VOCtrainval_11-May-2012.tar",)
    parts = ("trainval",)
    places = ("VOCdevkit/VOC2012",)
    lists = {"train": "train", "test": "val"}  # noqa: RUF012  read only
    remedy = f"unpack {archives[0]} (from {PAGE}) in the data folder, or run `heptathlon data fetch voc2012`"
