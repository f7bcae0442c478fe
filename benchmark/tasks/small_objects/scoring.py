"""Scores of detections against the boxes that the judge holds. Places are bands and cells of the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_iou

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.tasks.small_objects.assignment import images_of, padded
from benchmark.tasks.small_objects.rules import BORDER, SMALL, Detections

BANDS = (0.0, BORDER, 2 * BORDER, 0.5)
"""Limits of the bands of equal distance to the nearest border, in shares of the side."""
CELLS = 6
"""Cells along each axis of the map of recall by position: as many as have some twenty objects each in a small test."""
EDGES = ("top", "bottom", "left", "right")
_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Precision:
    """Average precision in %, NaN where there is no object: of small ones, of all, at IoU 0.5; per class; of small
    ones in each of the BANDS."""

    small: float
    all: float
    at_half: float
    classes: list[float]
    bands: list[float]


@dataclass(frozen=True, slots=True)
class Recall:
    """Which objects that count were found at the operating point, in the judge's order, and where they lie.

    found: (m,) bool;  places: (m, 2) x and y of the centres in shares of the sides
    """

    found: Tensor
    places: Tensor

    def rate(self, chosen: Tensor) -> float:
        """Percentage found of some, a mask (m,); NaN if there are none."""
        return 100 * float(self.found[chosen].double().mean())

    def edges(self) -> list[float]:
        """Recall (%) along each of the EDGES, as wide as the border."""
        x, y = self.places.unbind(1)
        return [self.rate(mask) for mask in (y < BORDER, y >= 1 - BORDER, x < BORDER, x >= 1 - BORDER)]

    def bands(self) -> list[float]:
        """Recall (%) in each of the BANDS."""
        own = band(self.places)
        return [self.rate(own == index) for index in range(len(BANDS) - 1)]

    def map(self) -> tuple[Tensor, Tensor]:
        """Recall (%) and count of objects, (CELLS, CELLS) from the top left; recall is 0 where there is none."""
        x, y = (self.places * CELLS).long().clamp(0, CELLS - 1).unbind(1)
        counts = torch.bincount(y * CELLS + x, minlength=CELLS**2).double()
        found = torch.bincount(y * CELLS + x, weights=self.found.double(), minlength=CELLS**2)
        return (100 * found / counts.clamp_min(1)).view(CELLS, CELLS), counts.view(CELLS, CELLS)

    def blind_spot(self) -> float:
        """Recall of the worst cell in % of the mean over cells, of those that hold objects; 0 if nothing is found
        anywhere."""
        recall, counts = self.map()
        held = recall[counts > 0]
        return 100 * float(held.min() / held.mean()) if float(held.sum()) > 0 else 0.0


def band(places: Tensor) -> Tensor:
    """Index of the band of each place, (m, 2) in shares of the sides."""
    nearest = torch.minimum(places, 1 - places).amin(1)
    return torch.bucketize(nearest, torch.tensor(BANDS[1:-1]), right=True)


def places_of(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Centres of boxes (m, 4) in shares of the width and height: (m, 2)."""
    height, width = size
    return (boxes[:, :2] + boxes[:, 2:]) / 2 / torch.tensor([width, height])


def precision(found: Detections, truth: BoxedImages, *, by_band: bool = True) -> Precision:
    """Average precision as COCO defines it, by the COCO evaluation of faster-coco-eval.

    One pass for all bands: each is a copy of the classes in which objects of the next bands are crowd, neither demanded
    nor punished, and what lies elsewhere is left out.  by_band: whether to look at them; `bands` is empty without.
    """
    # torchmetrics evaluates by the same package; it redirects the process's output meanwhile, which judges share.
    from faster_coco_eval import COCO, COCOeval_faster

    kinds, copies = len(truth.classes), len(BANDS) if by_band else 1
    copy = torch.arange(copies).unsqueeze(1)
    apart = (band(places_of(truth.boxes, truth.size)) + 1 - copy).abs() * (copy > 0)  # (copies, objects)
    which, thing = (apart <= 1).nonzero(as_tuple=True)
    crowd = (apart[which, thing] > 0) | truth.ignored[thing]
    wanted = [
        {"id": index, "image_id": image, "category_id": kind, "bbox": box, "area": box[2] * box[3], "iscrowd": is_crowd}
        for index, (image, kind, box, is_crowd) in enumerate(
            zip(
                images_of(truth.counts)[thing].tolist(),
                (truth.labels[thing] + kinds * which).tolist(),
                _corner_and_sides(truth.boxes)[thing].tolist(),
                crowd.int().tolist(),
                strict=True,
            ),
            start=1,  # the evaluation takes 0 for no match
        )
    ]
    theirs = found.labels + kinds * (1 + band(places_of(found.boxes, truth.size)))
    given = [
        {"image_id": image, "category_id": kind, "bbox": box, "score": score}
        for labels in (found.labels, theirs)[: 1 + by_band]
        for image, kind, box, score in zip(
            images_of(found.counts).tolist(),
            labels.tolist(),
            _corner_and_sides(found.boxes).tolist(),
            found.scores.tolist(),
            strict=True,
        )
    ]
    images = [{"id": index} for index in range(len(truth.counts))]
    categories = [{"id": kind} for kind in range(kinds * copies)]
    truths = COCO({"images": images, "annotations": wanted, "categories": categories})
    largest = (SMALL * min(truth.size)) ** 2
    ranges = {"small": [0.0, largest], "other": [largest, 1e10]}
    evaluation = COCOeval_faster(truths, truths.loadRes(given), "bbox", ranges=ranges)
    evaluation.evaluate()
    evaluation.accumulate()
    # (IoU, recall, class, area, most detections); -1 where there is no object
    curves = torch.as_tensor(evaluation.eval["precision"])[..., -1]

    def mean(area: int, *, copy: int = 0, kind: int | None = None, overlaps: slice = slice(None)) -> float:
        first = kinds * copy
        classes = slice(first, first + kinds) if kind is None else slice(first + kind, first + kind + 1)
        values = curves[overlaps, :, classes, area]
        return 100 * float(values[values >= 0].double().mean())

    return Precision(
        small=mean(1),
        all=mean(0),
        at_half=mean(0, overlaps=slice(0, 1)),
        classes=[mean(0, kind=kind) for kind in range(kinds)],
        bands=[mean(1, copy=copy) for copy in range(1, copies)],
    )


def _corner_and_sides(boxes: Tensor) -> Tensor:
    """x, y, width, height, as COCO writes boxes."""
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)


def recall(found: Detections, truth: BoxedImages) -> Recall:
    """Which objects are found at the score with the best F1 over all images, at IoU 0.5 and with the right class.

    Detections are matched in the order of their scores, each to the free object that it overlaps most. Ignored objects
    count nowhere, and detections on them neither.
    """
    boxes, labels = padded(truth.boxes, truth.labels, truth.counts)
    ignored = padded(truth.boxes, truth.ignored.long(), truth.counts)[1] == 1
    theirs, named = padded(found.boxes, found.labels, found.counts)
    scores = torch.full(named.shape, -torch.inf)
    scores[named >= 0] = found.scores
    scores, order = scores.sort(stable=True, dim=1, descending=True)
    theirs = theirs.gather(1, order.unsqueeze(2).expand(-1, -1, 4))
    named = named.gather(1, order)
    overlap = torch.stack([box_iou(a, b) for a, b in zip(theirs, boxes, strict=True)]) if named.shape[1] else None
    matched = torch.full(labels.shape, -torch.inf)  # score of the detection that found it
    counted = named >= 0
    right = torch.zeros_like(counted)
    rows = torch.arange(len(labels))
    for place in range(named.shape[1] if labels.shape[1] else 0):
        assert overlap is not None
        free = (labels == named[:, place : place + 1]) & (labels >= 0) & (torch.isinf(matched) | ignored)
        best, which = torch.where(free, overlap[:, place], 0.0).max(1)
        hit = (best >= _OVERLAP) & counted[:, place]
        on_ignored = hit & ignored[rows, which]
        counted[:, place] &= ~on_ignored
        hit &= ~on_ignored
        right[:, place] = hit
        matched[rows[hit], which[hit]] = scores[hit, place]
    there = (labels >= 0) & ~ignored
    threshold = _best(scores[counted], right[counted], int(there.sum()))
    found_at = (matched >= threshold)[there]
    return Recall(found_at, places_of(boxes[there], truth.size))


def _best(scores: Tensor, right: Tensor, objects: int) -> float:
    """The score with the best F1 (the harmonic mean of precision and recall), infinity if nothing is right."""
    if not bool(right.any()):
        return float("inf")
    ordered, order = scores.sort(descending=True)
    true = right[order].cumsum(0).double()
    f1 = 2 * true / (torch.arange(1, len(true) + 1) + objects)
    return float(ordered[int(f1.argmax())])


def asymmetry(features: Tensor) -> float:
    """Mean |map - mirrored map| over both axes in % of mean |map|, for a map (h, w)."""
    differences = [(features - features.flip(axis)).abs().mean() for axis in (0, 1)]
    return 100 * float(sum(differences) / 2 / features.abs().mean().clamp_min(1e-12))
