"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images, 28x28 grey, ten classes, through torchvision.

MNIST: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition".
Fashion-MNIST: Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.cachefile import content_hash
from benchmark.data import LabelledImages, Split, catalogue
from benchmark.download import downloading
from benchmark.errors import DataError

FILES = tuple(f"{split}-{part}-ubyte" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1"))


class IdxFiles:
    """Four files in the IDX format under `<root>/<folder>/raw`, uncompressed, as torchvision lays them out."""

    name: str
    title: str
    folder: str  # also the name of torchvision's class
    source: str

    def missing(self, root: Path) -> str | None:
        """Return None if all four files are there, else a sentence that names the absent ones."""
        raw = root / self.folder / "raw"
        absent = [file for file in FILES if not (raw / file).is_file()]
        if not absent:
            return None
        return (
            f"{self.title} is incomplete: put {', '.join(absent)} (unpacked, no .gz) into {raw}, "
            f"or run `heptathlon data fetch {self.name}`"
        )

    def fingerprint(self, root: Path) -> str:
        """Return the content hash of the four files. Raises DataError if one is missing."""
        self._require(root)
        return content_hash([(file, root / self.folder / "raw" / file) for file in FILES])

    def load(self, split: Split, *, root: Path) -> LabelledImages:
        """Read one split: images (n, 1, 28, 28). Raises DataError if a file is missing or damaged."""
        self._require(root)
        try:
            read = self._torchvision()(root=str(root), train=split == "train", download=False)
        # what torchvision raises for a file cut short or of another format
        except (AssertionError, IndexError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise DataError(
                f"{self.title} under {root / self.folder} is damaged ({type(error).__name__}: {error}); "
                f"remove that folder and run `heptathlon data fetch {self.name}`"
            ) from error
        return LabelledImages(read.data.unsqueeze(1), read.targets, tuple(read.classes))

    def fetch(self, root: Path) -> None:
        """Download into `root` through torchvision. Raises DataError if that fails."""
        by_hand = f"download {', '.join(f'{file}.gz' for file in FILES)}, unpack them into {root / self.folder / 'raw'}"
        with downloading(self.title, root=root, source=self.source, by_hand=by_hand):
            self._torchvision()(root=str(root), download=True)

    def _require(self, root: Path) -> None:
        absent = self.missing(root)
        if absent:
            raise DataError(absent)

    def _torchvision(self) -> Any:
        from torchvision import datasets

        return getattr(datasets, self.folder)


@catalogue.add(
    "mnist",
    title="MNIST handwritten digits",
    licence="CC BY-SA 3.0, as commonly stated; the authors' page gives none",
    source="https://ossci-datasets.s3.amazonaws.com/mnist/",
)
class Mnist(IdxFiles):
    """Handwritten digits 0 to 9."""

    name = "mnist"
    title = "MNIST"
    folder = "MNIST"
    source = "https://ossci-datasets.s3.amazonaws.com/mnist/"


@catalogue.add(
    "fashion-mnist",
    title="Fashion-MNIST: articles of clothing",
    licence="MIT",
    source="https://github.com/zalandoresearch/fashion-mnist",
)
class FashionMnist(IdxFiles):
    """Ten kinds of clothing, in MNIST's format."""

    name = "fashion-mnist"
    title = "Fashion-MNIST"
    folder = "FashionMNIST"
    source = "https://github.com/zalandoresearch/fashion-mnist"
