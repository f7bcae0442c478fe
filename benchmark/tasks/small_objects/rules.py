"""What `small_objects` fixes: the contestant's interface, what it is told, sizes of a tier, the form of its replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.tasks.answers import Floats, wrong
from benchmark.tasks.rules import Budget, Setup

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.tasks.small_objects.network import Network

SMALL = 1 / 10
"""Small objects are smaller than this share of the image's shorter side."""
BORDER = 1 / 8
"""How wide the border is, in shares of the side."""
LARGEST = 1.25
"""How many times the given height or width a contestant may ask for."""


class Detector(Protocol):
    """What a method of `small_objects` implements. Built once as `Method(setup)`."""

    def resolution(self) -> list[int]:
        """Return height and width of the images that it wants, each from the setup's own to 1.25 times that."""

    def learn(self, images: Tensor, boxes: Tensor, labels: Tensor, counts: Tensor) -> None:
        """Start anew from the setup's initial weights and train.

        images: (n, 3, h, w) uint8;  boxes: (m, 4) float32, x1 y1 x2 y2 in pixels, image by image;  labels: (m,) int64;
        counts: (n,) int64, objects of each image.
        """

    def detect(self, images: Tensor) -> list[Tensor]:
        """Return boxes (m, 4), labels (m,) int64, scores (m,) and counts (n,) int64, image by image as in `learn`.

        No more than the setup's `most` of an image.
        """

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the mean over images and channels of some layers' maps, each (h, w), from the input to the deepest."""

    def foveation(self) -> Tensor:
        """Return how many paths lead from each pixel to the deepest layer: (h, w)."""

    def kernels(self) -> Tensor:
        """Return the mean |weight| over channels of its 3x3 convolutions, in order: (layers, 3, 3)."""


@dataclass(frozen=True, slots=True)
class PaddingSetup(Setup):
    """What the contestant is told.

    network: see `networks.build`;  height, width: of the images as given;  mean, std: per channel of the training
    images in [0, 1];  steps: of training;  learning_rate: the highest of a one-cycle schedule;  most: detections of an
    image;  weights: file to start from, empty for a start from scratch.
    """

    network: str
    height: int
    width: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int
    batch_size: int
    learning_rate: float
    most: int
    weights: str = ""

    def model(self) -> Network:
        """The standard detector on the setup's device, with the same initial weights for every method."""
        from benchmark.tasks.small_objects.networks import build

        return build(
            self.network,
            self.classes,
            mean=self.mean,
            std=self.std,
            generator=self.generator("weights"),
            weights=self.weights,
        ).to(self.device)


@dataclass(frozen=True, slots=True)
class PaddingBudget(Budget):
    """Sizes of a tier. height, width: of the images;  train, test: how many scenes are drawn;  settings: of drawn
    scenes, of which the first is the primary one;  probes: test images whose mean feature maps are asked for;
    weights: where under the data root a user may have put a state dict to start from."""

    network: str
    height: int
    width: int
    train: int
    test: int
    steps: int
    batch_size: int
    learning_rate: float
    most: int
    settings: tuple[str, ...] = ("middle", "uniform")
    probes: int = 100
    weights: str = ""


class Resolution:
    """Height and width that a contestant may ask for, from the given ones."""

    def __init__(self, height: int, width: int) -> None:
        self.given = (height, width)

    def read(self, answer: Any, call: str) -> tuple[int, int]:
        """See `Reply.read`."""
        sizes = list(answer) if isinstance(answer, list | tuple) else []
        whole = len(sizes) == 2 and all(type(size) is int for size in sizes)
        if not whole or not all(own <= size <= LARGEST * own for own, size in zip(self.given, sizes, strict=True)):
            height, width = self.given
            raise wrong(
                call,
                f"returned {answer!r}; return [height, width] of whole numbers from {height} to {int(LARGEST * height)}"
                f" and from {width} to {int(LARGEST * width)}",
            )
        return sizes[0], sizes[1]


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found, image by image: boxes (m, 4) float32 inside the image, labels (m,) int64, scores (m,) float32,
    counts (n,) int64."""

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    counts: Tensor


class Found:
    """The form of detections in so many images of a size (height, width), of which each has `most` at most."""

    def __init__(self, images: int, size: tuple[int, int], *, classes: int, most: int) -> None:
        self.images, self.size, self.classes, self.most = images, size, classes, most

    def read(self, answer: Any, call: str) -> Detections:
        """See `Reply.read`. Boxes are clipped to the image; those of which nothing is left stay, and match nothing."""
        import torch

        if not isinstance(answer, list | tuple) or len(answer) != 4:
            raise wrong(call, "returned no list of four; return boxes, labels, scores and counts")
        boxes, labels, scores, counts = answer
        for name, tensor, length in (("labels", labels, None), ("counts", counts, self.images)):
            if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.int64 or tensor.ndim != 1:
                kind = getattr(tensor, "dtype", type(tensor).__name__)
                raise wrong(call, f"returned {name} of {kind}; return an int64 tensor of one dimension")
            if length not in (None, len(tensor)):
                raise wrong(call, f"returned {len(tensor)} {name} for {length} images; return one for each")
        if len(labels) and not bool(((labels >= 0) & (labels < self.classes)).all()):
            raise wrong(call, f"returned labels from {int(labels.min())} to {int(labels.max())} of {self.classes}")
        if int(counts.sum()) != len(labels) or not bool(((counts >= 0) & (counts <= self.most)).all()):
            raise wrong(
                call,
                f"returned {len(labels)} detections and counts from {int(counts.min())} to {int(counts.max())} that "
                f"add up to {int(counts.sum())}; return each image's own, {self.most} at most",
            )
        boxes = Floats(len(labels), 4).read(boxes, call)
        scores = Floats(len(labels)).read(scores, call)
        height, width = self.size
        limit = torch.tensor([width, height, width, height], dtype=torch.float32)
        return Detections(boxes.clamp_min(0).minimum(limit), labels, scores, counts)
