"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images, 28x28 grey, ten classes, through torchvision.

Also MNIST on textures: the same digits, dark on bright smooth random ground, a grey relative of MNIST-M (Ganin et al.
2016, arXiv:1505.07818), whose grounds are crops of photographs.

MNIST: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition".
Fashion-MNIST: Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.data.cache import content_hash, digest, kept_array
from benchmark.data.catalogue import LabelledImages, Split, catalogue
from benchmark.data.download import downloading
from benchmark.data.drawing.textures import DECISIVE, ground, ground_numbers, inked
from benchmark.errors import DataError
from benchmark.seeding import generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

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


BLOCK = 1024
"""Images that share a stream of random numbers; another block makes other images."""
DRAWING = 1
"""Raise when other images are made of the same digits and ranges."""


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind one image on texture; brightness is in [0, 1]."""

    paper: tuple[float, float] = (0.45, 0.65)  # brightness of the ground at its darkest
    relief: tuple[float, float] = (0.20, 0.35)  # how much brighter the ground is at its brightest
    depth: tuple[float, float] = (0.45, 0.80)  # share of the brightness that ink takes away
    noise: tuple[float, float] = (0.01, 0.05)  # standard deviation of the pixels' Gaussian noise


LOOK = Look()


@catalogue.add(
    "mnist-textures",
    title="MNIST's digits, dark on bright random textures",
    licence="that of MNIST; the textures are drawn by this project (Apache-2.0)",
    source=Mnist.source,
)
class MnistOnTextures:
    """MNIST's digits and labels in MNIST's order. The ground of an image depends on its split and index alone."""

    digits = Mnist()

    def missing(self, root: Path) -> str | None:
        """Return None if MNIST's files are there, else a sentence that names the absent ones."""
        return self.digits.missing(root)

    def fingerprint(self, root: Path) -> str:
        """Hash of MNIST's content and of what decides the grounds. Raises DataError if a file is missing."""
        decisive = json.dumps([DRAWING, DECISIVE, BLOCK, asdict(LOOK)])
        return digest(self.digits.fingerprint(root).encode(), decisive.encode())

    def load(self, split: Split, *, root: Path) -> LabelledImages:
        """Read one split: images (n, 1, 28, 28). Raises DataError if a file is missing or damaged."""
        import torch

        read = self.digits.load(split, root=root)
        name = f"images/mnist-textures-{split}-{digest(self.fingerprint(root).encode())}"
        return LabelledImages(
            torch.from_numpy(kept_array(name, lambda: _on_textures(read.images, split))), read.labels, read.classes
        )

    def fetch(self, root: Path) -> None:
        """Download MNIST into `root` through torchvision. Raises DataError if that fails."""
        self.digits.fetch(root)


def _on_textures(digits: Tensor, split: Split) -> NDArray[np.uint8]:
    """Lay digits, (n, 1, size, size) uint8 bright on dark, as dark ink on smooth random grounds."""
    import torch

    images = torch.empty_like(digits)
    size = digits.shape[-1]
    ranges = asdict(LOOK).values()
    for number, block in enumerate(digits.split(BLOCK)):
        # for a whole block, also the last: how many images follow must change none
        rng = generator("mnist-textures", split, number)
        uniform = torch.rand(BLOCK, len(ranges), generator=rng)[: len(block)].view(-1, len(ranges), 1, 1).unbind(1)
        paper, relief, depth, noise = (low + (high - low) * u for (low, high), u in zip(ranges, uniform, strict=True))
        grounds = ground(ground_numbers(BLOCK, rng)[: len(block)], size)
        grain = torch.randn(BLOCK, size, size, generator=rng)[: len(block)]
        drawn = inked(paper + relief * grounds, block.squeeze(1).float() / 255, depth) + noise * grain
        images[number * BLOCK : number * BLOCK + len(block)] = (drawn * 255).round().clamp(0, 255).unsqueeze(1)
    return images.numpy()
