"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test images, 32x32 RGB (Krizhevsky 2009).

Read through torchvision from the authors' files, which it verifies; CIFAR-10 also from an image folder, for copies that
were saved as JPEG or PNG. The two differ in their fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.data.cache import content_hash
from benchmark.data.catalogue import LabelledImages, Split, catalogue
from benchmark.data.download import downloading
from benchmark.data.images.image_folder import ImageFolder
from benchmark.errors import DataError

PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
LICENCE = "no explicit licence; cite Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"


class PickledBatches:
    """The authors' "python version": pickled batches under `<root>/<folder>`, as torchvision lays them out."""

    name: str
    title: str
    folder: str
    archive: str
    files: Sequence[str]
    kind: str  # name of torchvision's class

    def missing(self, root: Path) -> str | None:
        """Return None if all files are there, else a sentence that names the absent ones."""
        absent = self._absent(root)
        if not absent:
            return None
        return (
            f"{self.title} is incomplete: put {', '.join(absent)} into {root / self.folder} "
            f"(they are in {self.archive} from {PAGE}), or run `heptathlon data fetch {self.name}`"
        )

    def fingerprint(self, root: Path) -> str:
        """Return the content hash of the files. Raises DataError if one is missing."""
        self._require(root)
        return content_hash([(file, root / self.folder / file) for file in self.files])

    def load(self, split: Split, *, root: Path) -> LabelledImages:
        """Read one split: images (n, 3, 32, 32). Raises DataError if a file is missing or fails its checksum."""
        import torch

        self._require(root)
        try:
            read = self._torchvision()(root=str(root), train=split == "train", download=False)
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"{self.title} under {root / self.folder} is damaged ({error}); "
                f"remove that folder and run `heptathlon data fetch {self.name}`"
            ) from error
        images = torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous()
        return LabelledImages(images, torch.tensor(read.targets), tuple(read.classes))

    def fetch(self, root: Path) -> None:
        """Download into `root` through torchvision. Raises DataError if that fails."""
        by_hand = f"download {self.archive} and unpack it into {root}, which gives {root / self.folder}"
        with downloading(self.title, root=root, source=PAGE, by_hand=by_hand):
            self._torchvision()(root=str(root), download=True)

    def _absent(self, root: Path) -> list[str]:
        return [file for file in self.files if not (root / self.folder / file).is_file()]

    def _require(self, root: Path) -> None:
        absent = self.missing(root)
        if absent:
            raise DataError(absent)

    def _torchvision(self) -> Any:
        from torchvision import datasets

        return getattr(datasets, self.kind)


@catalogue.add("cifar10", title="CIFAR-10: ten kinds of objects", licence=LICENCE, source=PAGE)
class Cifar10(PickledBatches):
    """Ten classes; the authors' files if they are there, else an image folder or a zip of one."""

    name = "cifar10"
    title = "CIFAR-10"
    folder = "cifar-10-batches-py"
    archive = "cifar-10-python.tar.gz"
    files = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
    kind = "CIFAR10"
    pictures = ImageFolder(("cifar10", "cifar10.zip", "cifar10-jpeg", "cifar10-jpeg.zip"), size=32)

    def missing(self, root: Path) -> str | None:
        """Return None if either form is there, else a sentence that names both."""
        if self._as_pictures(root):
            return None
        absent = super().missing(root)
        return absent and f"{absent}; or give the images: {self.pictures.missing(root)}"

    def fingerprint(self, root: Path) -> str:
        """Return the content hash of the form that `load` reads."""
        return self.pictures.fingerprint(root) if self._as_pictures(root) else super().fingerprint(root)

    def load(self, split: Split, *, root: Path) -> LabelledImages:
        """Read one split: images (n, 3, 32, 32). Raises DataError if a file is missing or damaged."""
        return self.pictures.load(split, root=root) if self._as_pictures(root) else super().load(split, root=root)

    def _as_pictures(self, root: Path) -> bool:
        return bool(self._absent(root)) and self.pictures.place(root) is not None


@catalogue.add("cifar100", title="CIFAR-100: a hundred kinds of objects", licence=LICENCE, source=PAGE)
class Cifar100(PickledBatches):
    """A hundred classes (the fine labels)."""

    name = "cifar100"
    title = "CIFAR-100"
    folder = "cifar-100-python"
    archive = "cifar-100-python.tar.gz"
    files = ("train", "test", "meta")
    kind = "CIFAR100"
