"""Objects as they were annotated, in pixels of the stored images, before any image is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

SLIVER = 0.005
"""Pixels; what is thinner is empty. COCO writes hundredths, and float32 cannot tell thinner ones from nothing."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """The objects of one split.

    names: n images below `where`, a folder or a zip;  sizes: (n, 2) int64, height and width in pixels;
    boxes: (m, 4) float32, x1 y1 x2 y2, of which some part lies inside its image;  labels: (m,) int64;
    ignored: (m,) bool;  counts, dropped: (n,) int64, boxes of each image that are here and that were left out
    """

    where: Path
    names: tuple[str, ...]
    classes: tuple[str, ...]
    sizes: NDArray[np.int64]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    counts: NDArray[np.int64]
    dropped: NDArray[np.int64]

    def chosen(self, images: NDArray[np.int64]) -> Annotated:
        """Those of the images at these places, in that order."""
        import numpy as np

        ends = self.counts.cumsum()
        ranges = [np.arange(ends[image] - self.counts[image], ends[image]) for image in images.tolist()]
        objects = np.concatenate([*ranges, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        return Annotated(
            self.where,
            tuple(self.names[image] for image in images.tolist()),
            self.classes,
            self.sizes[images],
            self.boxes[objects],
            self.labels[objects],
            self.ignored[objects],
            self.counts[images],
            self.dropped[images],
        )

    def scaled(self, size: tuple[int, int]) -> Tensor:
        """Boxes (m, 4) float32, clipped to their images and scaled with them to `size` (height, width)."""
        import torch
        from torchvision.transforms.v2 import functional
        from torchvision.tv_tensors import BoundingBoxes

        boxes = torch.from_numpy(self.boxes.copy())
        canvases = torch.from_numpy(self.sizes).repeat_interleave(torch.from_numpy(self.counts), dim=0)
        sizes, size_of = canvases.unique(dim=0, return_inverse=True)  # few: cameras have a handful of formats
        for number, canvas in enumerate(sizes.tolist()):
            of_that_size = size_of == number
            inside = BoundingBoxes(boxes[of_that_size], format="XYXY", canvas_size=tuple(canvas))
            resized = functional.resize(functional.clamp_bounding_boxes(inside), list(size))
            # once more: 333 x (100 / 333) may round to a little more than 100
            boxes[of_that_size] = functional.clamp_bounding_boxes(resized).as_subclass(torch.Tensor)
        return boxes

    def tally(self) -> list[tuple[str, int, float]]:
        """Of each class: name, boxes that are not ignored, and their median side in pixels of the stored images.

        A box's side is the square root of its area as annotated; NaN for a class without any.
        """
        import numpy as np

        sides = np.sqrt((self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1]))
        found = []
        for label, name in enumerate(self.classes):
            own = sides[(self.labels == label) & ~self.ignored]
            found.append((name, len(own), float(np.median(own)) if len(own) else float("nan")))
        return found

    def packed(self) -> NDArray[np.uint8]:
        """Everything but `where` as bytes, for the cache."""
        import numpy as np

        file = BytesIO()
        texts = {"names": np.array(self.names, dtype=np.str_), "classes": np.array(self.classes, dtype=np.str_)}
        arrays: dict[str, Any] = texts | {name: getattr(self, name) for name in _ARRAYS}
        np.savez(file, **arrays)
        return np.frombuffer(file.getvalue(), dtype=np.uint8)

    @classmethod
    def unpacked(cls, packed: NDArray[np.uint8], where: Path) -> Annotated:
        """The reverse of `packed`."""
        import numpy as np

        with np.load(BytesIO(packed.tobytes()), allow_pickle=False) as found:
            texts = (tuple(found["names"].tolist()), tuple(found["classes"].tolist()))
            return cls(where, *texts, **{name: found[name] for name in _ARRAYS})


_ARRAYS = ("sizes", "boxes", "labels", "ignored", "counts", "dropped")


@dataclass
class Notes:
    """Collects what a reader finds, image by image; of a box that is empty or outside only the number is kept."""

    names: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    ignored: list[bool] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)

    def image(self, name: str, *, height: int, width: int) -> None:
        """Begin an image."""
        self.names.append(name)
        self.sizes.append((height, width))
        self.counts.append(0)
        self.dropped.append(0)

    def box(self, corners: tuple[float, float, float, float], *, label: int, ignored: bool) -> None:
        """Note a box of the last image, x1 y1 x2 y2; one that reaches out is kept as long as some of it is inside."""
        x1, y1, x2, y2 = corners
        height, width = self.sizes[-1]
        if min(x2, width) - max(x1, 0) < SLIVER or min(y2, height) - max(y1, 0) < SLIVER:
            self.dropped[-1] += 1
            return
        self.counts[-1] += 1
        self.boxes.append(corners)
        self.labels.append(label)
        self.ignored.append(ignored)

    def done(self, where: Path, classes: tuple[str, ...]) -> Annotated:
        """All that was noted."""
        import numpy as np

        def array(values: list[Any], dtype: Any, *shape: int) -> NDArray[Any]:
            return np.array(values, dtype=dtype).reshape(-1, *shape)

        return Annotated(
            where,
            tuple(self.names),
            classes,
            sizes=array(self.sizes, np.int64, 2),
            boxes=array(self.boxes, np.float32, 4),
            labels=array(self.labels, np.int64),
            ignored=array(self.ignored, np.bool_),
            counts=array(self.counts, np.int64),
            dropped=array(self.dropped, np.int64),
        )
