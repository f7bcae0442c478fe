"""Images with boxes, as every dataset of that kind gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor
    from torchvision.tv_tensors import BoundingBoxes


@dataclass(frozen=True, slots=True)
class BoxedImages:
    """Images with the boxes of the objects in them; those of all images follow one another, image by image.

    images: (n, 3, height, width) uint8;
    boxes: (m, 4) float32, x1 y1 x2 y2 in pixels of these images, 0 <= x1 < x2 <= width, 0 <= y1 < y2 <= height;
    labels: (m,) int64 in [0, len(classes));  counts: (n,) int64, objects of each image, 0 for one without;
    ignored: (m,) bool, VOC's "difficult" and COCO's "iscrowd": a detector need not find them and may;
    dropped: how many boxes were annotated and are not among these, as nothing of them lies inside their image.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    counts: Tensor
    ignored: Tensor
    classes: tuple[str, ...]
    dropped: int = 0

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[1] != 3 or str(self.images.dtype) != "torch.uint8":
            raise DataError(
                f"images are {tuple(self.images.shape)} {self.images.dtype}; a dataset with boxes must give uint8 "
                "images of shape (n, 3, height, width)"
            )
        objects = self.boxes.shape[0] if self.boxes.ndim else 0
        for name, dtype, shape in (
            ("boxes", "float32", (objects, 4)),
            ("labels", "int64", (objects,)),
            ("ignored", "bool", (objects,)),
            ("counts", "int64", (len(self.images),)),
        ):
            found: Tensor = getattr(self, name)
            if tuple(found.shape) != shape or str(found.dtype) != f"torch.{dtype}":
                raise DataError(
                    f"{name} are {tuple(found.shape)} {found.dtype}; for {len(self.images)} images with {objects} "
                    f"boxes a dataset must give {dtype} of shape {shape}"
                )
        total = int(self.counts.sum())
        if total != objects or bool((self.counts < 0).any()):
            raise DataError(f"counts add up to {total} and there are {objects} boxes; count the objects of each image")
        if bool(((self.labels < 0) | (self.labels >= len(self.classes))).any()):
            low, high = int(self.labels.min()), int(self.labels.max())
            raise DataError(
                f"labels are from {low} to {high}; {len(self.classes)} classes have 0 to one less than that"
            )
        self._refuse_boxes_outside()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every image in pixels."""
        return self.images.shape[2], self.images.shape[3]

    def of(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (k, 4), labels (k,) and ignored (k,) of one image; views, not copies."""
        start = int(self.counts[:index].sum())
        place = slice(start, start + int(self.counts[index]))
        return self.boxes[place], self.labels[place], self.ignored[place]

    def tv_boxes(self, index: int) -> BoundingBoxes:
        """Boxes of one image as torchvision's transforms take them, which then move with the image."""
        from torchvision.tv_tensors import BoundingBoxes

        made: BoundingBoxes = BoundingBoxes(self.of(index)[0], format="XYXY", canvas_size=self.size)
        return made

    def _refuse_boxes_outside(self) -> None:
        height, width = self.size
        x1, y1, x2, y2 = self.boxes.unbind(1)
        inside = (x1 >= 0) & (x1 < x2) & (x2 <= width) & (y1 >= 0) & (y1 < y2) & (y2 <= height)
        if not bool(inside.all()):
            first = int((~inside).nonzero()[0])
            image = int((self.counts.cumsum(0) <= first).sum())
            raise DataError(
                f"box {self.boxes[first].tolist()} of image {image} is empty or reaches out of the {width} x {height} "
                "pixels; give x1 y1 x2 y2 with 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height"
            )
