"""What procedural datasets share: checks, a stream of random numbers per class, pixels made in blocks, shuffling.

A world says what is random about its images, class by class (`chosen`), and how pixels follow from that for images of
any classes at once (`drawn`). Tensors of all classes are joined in between, so that few images per class cost no more.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from benchmark.data.cache import digest
from benchmark.data.catalogue import LabelledImages
from benchmark.data.drawing.textures import DECISIVE
from benchmark.errors import DataError
from benchmark.seeding import generator

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Generator, Tensor

Range = tuple[float, float]

BLOCK = 1024
"""Images drawn at once, to bound the memory; it decides no pixel."""
SMALLEST = 8
"""Side in pixels of the smallest image that shows what it is."""
DRAWING = 1
"""Raise when what all worlds share makes other images of the same numbers."""


class World(ABC):
    """A ProceduralDataset of grey images.

    name: of the dataset, a plural;  classes: names of all;  drawing: raised when the world makes other images of the
    same ranges;  look: a dataclass of the ranges of the uniform random numbers behind one image.
    """

    name: ClassVar[str]
    classes: tuple[str, ...]
    drawing: ClassVar[int]
    look: ClassVar[DataclassInstance]

    @abstractmethod
    def chosen(self, index: int, count: int, size: int, rng: Generator) -> dict[str, Tensor]:
        """Draw what is random about `count` images of a class, besides the look: tensors (count, ...), the same names
        and shapes for all classes.
        """

    @abstractmethod
    def drawn(self, size: int, look: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> Tensor:
        """Make pixels: (n, size, size) float32, in [0, 1] where they are not to be cut off.

        look: each number of the look, (n, 1, 1) float64;  chosen: as from `chosen`, of several classes. What is
        computed per image from the look must be rounded to float32 before it meets pixels: sine and cosine may differ
        in the last bit between a vector's body and its end, and the rounding removes that.
        """

    def decisive(self) -> Any:
        """What else decides the images, for the fingerprint, as JSON."""
        return None

    def fingerprint(self) -> str:
        """Hash of the numbers that decide what `draw` makes."""
        parts = [DRAWING, DECISIVE, self.drawing, self.name, self.classes, asdict(self.look), self.decisive()]
        return digest(json.dumps(parts).encode())

    def draw(self, *, classes: Sequence[int], per_class: int, size: int, seed: int) -> LabelledImages:
        """Draw `per_class` images (1, size, size) of each listed class; labels index the list; order is shuffled.

        The images of a class depend on (seed, class, size, per_class) and not on the other classes; they are equal
        bit for bit under any number of threads. Raises DataError for a class that does not exist or is listed twice,
        no classes, per_class < 1 or size < 8.
        """
        import torch

        self._check(classes, per_class, size)
        images = torch.empty(len(classes) * per_class, 1, size, size, dtype=torch.uint8)
        group = max(1, BLOCK // per_class)  # whole classes, so that each has a stream of its own
        for first in range(0, len(classes), group):
            indices = classes[first : first + group]
            streams = [self._stream(index, per_class, size, seed) for index in indices]
            joined = {name: torch.cat([stream[name] for stream in streams]) for name in streams[0]}
            block = images[first * per_class : (first + len(indices)) * per_class]
            for start in range(0, len(block), BLOCK):
                part = slice(start, start + BLOCK)
                block[part] = self._pixels(size, {name: tensor[part] for name, tensor in joined.items()})
        labels = torch.arange(len(classes)).repeat_interleave(per_class)
        order = torch.randperm(len(labels), generator=generator(seed, self.name, "order"))
        return LabelledImages(images[order], labels[order], tuple(self.classes[index] for index in classes))

    def _stream(self, index: int, count: int, size: int, seed: int) -> dict[str, Tensor]:
        """All random numbers of a class's images; the look as (count, numbers) float64 under the empty name."""
        import torch

        rng = generator(seed, self.name, self.classes[index])
        uniform = torch.rand(count, len(asdict(self.look)), generator=rng, dtype=torch.float64)
        return {"": uniform, **self.chosen(index, count, size, rng)}

    def _pixels(self, size: int, joined: Mapping[str, Tensor]) -> Tensor:
        import torch

        spans = zip(asdict(self.look).items(), joined[""].unbind(1), strict=True)
        look = {name: (low + (high - low) * u).view(-1, 1, 1) for (name, (low, high)), u in spans}
        image = self.drawn(size, look, joined)
        return (image * 255).round().clamp(0, 255).to(torch.uint8).unsqueeze(1)

    def _check(self, classes: Sequence[int], per_class: int, size: int) -> None:
        count = len(self.classes)
        strays = [index for index in classes if not 0 <= index < count]
        if strays:
            raise DataError(f"{self.name} have no class {strays[0]}; choose indices from 0 to {count - 1}")
        twice = [index for index in set(classes) if list(classes).count(index) > 1]
        if twice:
            raise DataError(f"class {min(twice)} ({self.classes[min(twice)]}) is listed twice; list each class once")
        if not len(classes):
            raise DataError(f"no classes to draw; list at least one index from 0 to {count - 1}")
        if per_class < 1:
            raise DataError(f"per_class is {per_class}; draw at least one image of each class")
        if size < SMALLEST:
            raise DataError(f"size is {size}; {self.name} need at least {SMALLEST} pixels")
