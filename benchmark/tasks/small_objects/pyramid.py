"""Detectors that train in seconds to minutes on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import batched_nms, generalized_box_iou_loss, sigmoid_focal_loss

from benchmark.learning.models.weights import initialise
from benchmark.tasks.small_objects.assignment import assign, cells, decode
from benchmark.tasks.small_objects.borders.filling import pad
from benchmark.tasks.small_objects.network import Found, Network

OVERLAP = 0.5
"""Of two boxes of one class that overlap by more (IoU), the one with the lower score is dropped."""
FAINTEST = 0.05
"""Scores below are no detections."""

_CANDIDATES = 5
"""Boxes before suppression, for each that is wanted after it: an object may have a dozen."""
ALPHA = 0.5
"""Weight of objects in the focal loss, as that of the background (the paper: 0.25, for trainings a thousand times as
long, in which scores have the time to rise)."""


class PyramidDetector(Network):
    """Anchor-free, one stage, two levels of strides 4 and 8 (a feature pyramid: Lin et al. 2017, arXiv:1612.03144).

    Each cell gives a score per class and a box (see `assignment`); trained by the focal loss (Lin et al. 2017,
    arXiv:1708.02002) and the generalised IoU (Rezatofighi et al. 2019, arXiv:1902.09630), as FCOS
    (Tian et al. 2019, arXiv:1904.01355).  residual: two blocks with shortcuts a level in place of one convolution.
    """

    halvings = 3
    strides = (4, 8)
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        classes: int,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        widths: tuple[int, int, int],
        residual: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        self.classes = classes
        first, second, third = widths
        self.stem = _convolution(3, first, stride=2)
        self.fine = nn.Sequential(_convolution(first, second, stride=2), *_further(second, residual))
        self.coarse = nn.Sequential(_convolution(second, third, stride=2), *_further(third, residual))
        self.of_fine, self.of_coarse = nn.Conv2d(second, second, 1), nn.Conv2d(third, second, 1)
        self.tower = _convolution(second, second)
        self.head = nn.Conv2d(second, classes + 4, 1)
        initialise(self, generator)
        with torch.no_grad():
            bias: Tensor = self.head.bias  # type: ignore[assignment]  # a convolution may have none
            bias[:classes] = -4.0  # nearly every cell is background; the focal loss would start from there
        deep = 4 if residual else 1  # cells that the convolutions of stride 1 of a level reach out
        fine = 2 * (1 + deep) + 1
        stem = 2 * (fine + deep) + 1
        self._rims = (2 * stem + 1, stem, fine, 1)
        """Cells beyond the border that image, stem, fine and coarse map need where nothing is padded further on."""

    @property
    def body(self) -> nn.Module:
        """See `Network.body`."""
        return nn.Sequential(self.stem, self.fine, self.coarse)

    def maps(self, images: Tensor) -> list[Tensor]:
        """One map per level, (n, classes + 4, h, w)."""
        fine, coarse = self._features(images)[1:]
        above = self.of_coarse(coarse)
        beside = self.of_fine(fine)
        upsampled = _twice(above)
        if self._shrinks:  # all but the cell beyond the border that the tower reaches out for
            height, width = (_coarser(size, 4) + 2 for size in images.shape[2:])
            skipped = self._rims[2] - 1
            beside = beside[..., skipped : skipped + height, skipped : skipped + width]
            upsampled = upsampled[..., 1 : 1 + height, 1 : 1 + width]
        joined = beside + upsampled[..., : beside.shape[2], : beside.shape[3]]
        return [self.head(self.tower(level)) for level in (joined, above)]

    def loss(self, images: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """See `Network.loss`: per positive cell, focal loss and generalised IoU of equal weight."""
        answers, places, strides = self._answers(images)
        wanted, targets = assign(boxes, labels, places, strides)
        positive = wanted >= 0
        count = positive.sum().clamp_min(1)
        one_hot = F.one_hot(wanted + 1, self.classes + 1)[..., 1:].to(answers.dtype)
        scoring = sigmoid_focal_loss(answers[..., : self.classes], one_hot, alpha=ALPHA, reduction="sum")
        image, cell = positive.nonzero(as_tuple=True)
        predicted = decode(answers[image, cell, self.classes :], places[cell], strides[cell])
        placing = generalized_box_iou_loss(predicted, targets[image, cell], reduction="sum")
        total: Tensor = (scoring + placing) / count
        return total

    @torch.no_grad()
    def found(self, images: Tensor, most: int) -> list[Found]:
        """See `Network.found`: the highest scores of all cells and classes, then non-maximum suppression."""
        answers, places, strides = self._answers(images)
        scores = answers[..., : self.classes].sigmoid().flatten(1)
        scores, chosen = scores.topk(min(_CANDIDATES * most, scores.shape[1]), 1)
        cell, labels = chosen // self.classes, chosen % self.classes
        numbers = answers[..., self.classes :].gather(1, cell.unsqueeze(2).expand(-1, -1, 4))
        boxes = decode(numbers, places[cell], strides[cell])
        limit = boxes.new_tensor([images.shape[3], images.shape[2]]).repeat(2)
        boxes = boxes.clamp_min(0).minimum(limit)
        kept = scores >= FAINTEST
        image = torch.arange(len(images), device=images.device).unsqueeze(1).expand_as(scores)[kept]
        boxes, labels, scores = boxes[kept], labels[kept], scores[kept]
        order = batched_nms(boxes, scores, image * self.classes + labels, OVERLAP)
        order = order[image[order].sort(stable=True).indices]
        counts = image[order].bincount(minlength=len(images)).tolist()
        split = (part[order].split(counts) for part in (boxes, labels, scores))
        return [(box[:most], label[:most], score[:most]) for box, label, score in zip(*split, strict=True)]

    def levels(self, images: Tensor) -> list[Tensor]:
        """See `Network.levels`: of strides 2, 4 and 8."""
        levels = self._features(images)
        if not self._shrinks:
            return levels
        own = [[_coarser(size, stride) for size in images.shape[2:]] for stride in (2, 4, 8)]
        return [
            level[..., rim : rim + height, rim : rim + width]
            for level, rim, (height, width) in zip(levels, self._rims[1:], own, strict=True)
        ]

    @property
    def _shrinks(self) -> bool:
        return self.stem[0].padding_mode == "none"

    def _features(self, images: Tensor) -> list[Tensor]:
        x = (images - self.mean) / self.std
        if self._shrinks:  # what the convolutions would have padded is mirrored once, around the image
            x = pad(x, (self._rims[0],) * 4, "symmetric")
        x = x.contiguous(memory_format=torch.channels_last)
        stem = self.stem(x)
        fine = self.fine(stem)
        return [stem, fine, self.coarse(fine)]

    def _answers(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.maps(images)
        places, strides = cells([(each.shape[2], each.shape[3]) for each in maps], self.strides)
        joined = torch.cat([each.flatten(2).transpose(1, 2) for each in maps], 1)
        return joined, places.to(images.device), strides.to(images.device)


class _Residual(nn.Module):
    """relu(x + norm(convolution(relu(norm(convolution(x))))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = _convolution(width, width)[:2]

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        rim = (x.shape[2] - y.shape[2]) // 2  # where nothing is padded, the map has shrunk
        return F.relu(y + x[..., rim : x.shape[2] - rim, rim : x.shape[3] - rim])


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


def _further(width: int, residual: bool) -> list[nn.Module]:
    return [_Residual(width), _Residual(width)] if residual else [_convolution(width, width)]


def _twice(x: Tensor) -> Tensor:
    """A map (n, c, h, w) at twice the resolution, (n, c, 2 h, 2 w): its cell i lies at 2 i, and between two of them
    their mean, so that left and right are alike; beyond the last one it is repeated.

    Copying each cell twice, as is usual, would look to the left and the top alone.
    """
    height, width = x.shape[2:]
    between = F.interpolate(x, size=(2 * height - 1, 2 * width - 1), mode="bilinear", align_corners=True)
    return F.pad(between, (0, 1, 0, 1), mode="replicate")


def _coarser(size: int, stride: int) -> int:
    return -(-size // stride)
