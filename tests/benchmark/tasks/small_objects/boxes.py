"""Images with boxes, and detections, written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.tasks.small_objects.rules import Detections

Box = tuple[float, float, float, float]


def truth(
    *images: Sequence[tuple[int, Box]], size: tuple[int, int] = (64, 64), classes: int = 3, ignored: Sequence[int] = ()
) -> BoxedImages:
    """One entry per image: (label, box) of each object; ignored: indices over all."""
    objects = [each for image in images for each in image]
    flags = torch.zeros(len(objects), dtype=torch.bool)
    flags[list(ignored)] = True
    return BoxedImages(
        torch.zeros(len(images), 3, *size, dtype=torch.uint8),
        torch.tensor([box for _, box in objects], dtype=torch.float32).view(-1, 4),
        torch.tensor([label for label, _ in objects], dtype=torch.int64),
        torch.tensor([len(image) for image in images]),
        flags,
        tuple(f"class {index}" for index in range(classes)),
    )


def found(*images: Sequence[tuple[int, Box, float]]) -> Detections:
    """One entry per image: (label, box, score) of each detection."""
    things = [each for image in images for each in image]
    return Detections(
        torch.tensor([box for _, box, _ in things], dtype=torch.float32).view(-1, 4),
        torch.tensor([label for label, _, _ in things], dtype=torch.int64),
        torch.tensor([score for _, _, score in things], dtype=torch.float32),
        torch.tensor([len(image) for image in images]),
    )


def perfect(images: BoxedImages) -> Detections:
    """The truth as detections."""
    return Detections(images.boxes, images.labels, torch.ones(len(images.labels)), images.counts)


def scattered(seed: int, *, images: int = 40, size: tuple[int, int] = (64, 96)) -> tuple[BoxedImages, Detections]:
    """Objects of three classes, and detections that are near some of them."""
    rng = torch.Generator().manual_seed(seed)
    height, width = size
    counts = torch.randint(0, 6, (images,), generator=rng)
    corner = torch.rand(int(counts.sum()), 2, generator=rng) * torch.tensor([width - 21.0, height - 21.0])
    boxes = torch.cat([corner, corner + 3 + 17 * torch.rand(len(corner), 2, generator=rng)], 1)
    labels = torch.randint(0, 3, (len(boxes),), generator=rng)
    ignored = torch.rand(len(boxes), generator=rng) < 0.1
    pixels = torch.zeros(images, 3, height, width, dtype=torch.uint8)
    kept = torch.rand(len(boxes), generator=rng) < 0.8
    image = torch.repeat_interleave(torch.arange(images), counts)
    near = (boxes + 1.5 * torch.randn(boxes.shape, generator=rng))[kept]
    low, high = torch.minimum(near[:, :2], near[:, 2:]), torch.maximum(near[:, :2], near[:, 2:])
    near = torch.cat([low, high + 0.1], 1).clamp_min(0)
    near = near.minimum(torch.tensor([width, height, width, height]))
    there = image[kept]
    guesses = torch.where(torch.rand(len(there), generator=rng) < 0.85, labels[kept], (labels[kept] + 1) % 3)
    scores = torch.rand(len(there), generator=rng)
    # and as many again that are nowhere near
    wrong = torch.rand(len(there), 2, generator=rng) * 40
    all_boxes = torch.cat([near, torch.cat([wrong, wrong + 9], 1)])
    all_image, order = torch.cat([there, there]).sort(stable=True)
    detections = Detections(
        all_boxes[order],
        torch.cat([guesses, guesses])[order],
        torch.cat([scores, 0.7 * torch.rand(len(there), generator=rng)])[order],
        torch.bincount(all_image, minlength=images),
    )
    return BoxedImages(pixels, boxes, labels, counts, ignored, ("a", "b", "c")), detections
