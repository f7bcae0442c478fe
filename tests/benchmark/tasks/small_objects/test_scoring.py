"""Scores of detections: against torchmetrics, and against cases that can be counted by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torchvision.ops import box_iou

from benchmark.tasks.small_objects import scoring
from benchmark.tasks.small_objects.scoring import SMALL, Recall, asymmetry, band, precision, recall
from tests.benchmark.tasks.small_objects.boxes import found, perfect, scattered, truth


@pytest.mark.parametrize("seed", [0, 1])
def test_average_precision_is_torchmetrics(seed: int) -> None:
    detection: Any = pytest.importorskip("torchmetrics.detection")
    images, detections = scattered(seed)
    metric = detection.MeanAveragePrecision(backend="faster_coco_eval", class_metrics=True)
    scale = 32 / (SMALL * min(images.size))  # COCO's small objects have up to 32 pixels a side
    given = [
        {"boxes": scale * boxes, "labels": labels, "scores": scores}
        for boxes, labels, scores in zip(
            *(
                part.split(detections.counts.tolist())
                for part in (detections.boxes, detections.labels, detections.scores)
            ),
            strict=True,
        )
    ]
    wanted = []
    for index in range(len(images.counts)):
        boxes, labels, ignored = images.of(index)
        wanted.append({"boxes": scale * boxes, "labels": labels, "iscrowd": ignored.long()})
    metric.update(given, wanted)
    theirs = metric.compute()
    ours = precision(detections, images)
    # They scale in float32, so that an IoU at a threshold to the last bit may fall on either side: one object of 100.
    for value, name in ((ours.all, "map"), (ours.small, "map_small"), (ours.at_half, "map_50")):
        assert value == pytest.approx(100 * float(theirs[name]), abs=0.2)
    assert ours.classes == pytest.approx([100 * float(each) for each in theirs["map_per_class"]], abs=0.5)


def test_what_is_all_right_has_full_marks_in_every_band() -> None:
    images, _ = scattered(3)
    marks = precision(perfect(images), images)
    assert (marks.all, marks.small, marks.at_half) == pytest.approx((100, 100, 100))
    assert marks.bands == pytest.approx([100, 100, 100])
    assert bool(recall(perfect(images), images).found.all())


def test_a_band_knows_only_its_own_objects() -> None:
    edge, middle = (0, (1.0, 30.0, 6.0, 35.0)), (0, (30.0, 30.0, 35.0, 35.0))
    images = truth([edge, middle])
    only_edge = precision(found([(*edge, 0.9)]), images)
    assert only_edge.bands[0] == pytest.approx(100)
    assert math.isnan(only_edge.bands[1])  # no object
    assert only_edge.bands[2] == 0
    only_middle = precision(found([(*middle, 0.9), (0, (2.0, 2.0, 7.0, 7.0), 0.99)]), images)
    assert only_middle.bands[0] == 0
    assert only_middle.bands[2] == pytest.approx(100)  # what is wrong near the border is wrong there
    assert precision(found([(*edge, 0.9)]), images, by_band=False).bands == []


def test_nothing_found_is_no_precision_and_no_blind_spot_of_any_worth() -> None:
    images = truth([(0, (1.0, 1.0, 6.0, 6.0))], [])
    marks, seen = precision(found([], []), images), recall(found([], []), images)
    assert (marks.all, marks.small) == (0, 0)
    assert seen.blind_spot() == 0
    assert not bool(seen.found.any())


def test_ignored_objects_count_nowhere() -> None:
    here, there = (0, (10.0, 10.0, 16.0, 16.0)), (0, (40.0, 40.0, 46.0, 46.0))
    images = truth([here, there], ignored=[1])
    for detections in (found([(*here, 0.9)]), found([(*here, 0.9), (*there, 0.95)])):
        assert precision(detections, images).all == pytest.approx(100)
        assert recall(detections, images).found.tolist() == [True]


def test_an_object_is_found_once_by_the_highest_score_with_its_class() -> None:
    box = (10.0, 10.0, 20.0, 20.0)
    near = (11.0, 10.0, 21.0, 20.0)
    images = truth([(1, box)])
    assert not bool(recall(found([(0, box, 0.9)]), images).found.any())  # another class
    assert not bool(recall(found([(1, (16.0, 10.0, 26.0, 20.0), 0.9)]), images).found.any())  # IoU 1/4
    assert bool(recall(found([(1, box, 0.3), (1, near, 0.9)]), images).found.all())


def test_matching_is_what_a_loop_over_detections_gives() -> None:
    images, detections = scattered(5)
    free = {index: list(range(int(count))) for index, count in enumerate(images.counts)}
    best: dict[tuple[int, int], float] = {}
    right: list[tuple[float, bool]] = []
    start = 0
    for image, count in enumerate(detections.counts.tolist()):
        boxes, labels, ignored = images.of(image)
        for place in sorted(range(start, start + count), key=lambda at: -float(detections.scores[at])):
            overlaps = box_iou(detections.boxes[place][None], boxes)[0] if len(boxes) else torch.zeros(0)
            open_to = [
                thing
                for thing in range(len(boxes))
                if labels[thing] == detections.labels[place] and (thing in free[image] or ignored[thing])
            ]
            thing = max(open_to, key=lambda at: float(overlaps[at]), default=None)
            hit = thing is not None and float(overlaps[thing]) >= 0.5
            if hit and thing is not None and bool(ignored[thing]):
                continue
            right.append((float(detections.scores[place]), hit))
            if hit and thing is not None:
                free[image].remove(thing)
                best[image, thing] = float(detections.scores[place])
        start += count
    right.sort(key=lambda pair: -pair[0])
    objects = int((~images.ignored).sum())
    f1 = [2 * sum(hit for _, hit in right[: n + 1]) / (n + 1 + objects) for n in range(len(right))]
    threshold = right[max(range(len(f1)), key=f1.__getitem__)][0]
    wanted = [
        best.get((image, thing), -1.0) >= threshold
        for image in range(len(images.counts))
        for thing in range(int(images.counts[image]))
        if not bool(images.of(image)[2][thing])
    ]
    assert recall(detections, images).found.tolist() == wanted


def test_edges_bands_and_cells_say_where() -> None:
    places = torch.tensor([[0.5, 0.05], [0.5, 0.95], [0.05, 0.5], [0.95, 0.5], [0.5, 0.5], [0.8, 0.5]])
    seen = Recall(torch.tensor([True, False, True, False, True, False]), places)
    assert seen.edges() == [100, 0, 100, 0]
    assert band(places).tolist() == [0, 0, 0, 0, 2, 1]
    assert seen.bands() == [50, 0, 100]
    rates, counts = seen.map()
    assert counts.sum() == 6
    assert rates[0, 3] == 100
    assert rates[5, 3] == 0
    assert counts[2, 2] == 0
    assert seen.blind_spot() == 0
    even = Recall(torch.tensor([True, True]), places[:2])
    assert even.blind_spot() == 100


def test_asymmetry_is_the_distance_from_the_mirror_images() -> None:
    grid = torch.rand(6, 9, generator=torch.Generator().manual_seed(0)) + 1
    even = grid + grid.flip(0) + grid.flip(1) + grid.flip((0, 1))
    assert asymmetry(even) == pytest.approx(0, abs=100 * 4 * torch.finfo(torch.float32).eps)
    assert asymmetry(torch.tensor([[1.0, 3.0], [1.0, 3.0]])) == pytest.approx(100 * (2 + 0) / 2 / 2)
    assert asymmetry(torch.zeros(3, 3)) == 0
    assert scoring.EDGES == ("top", "bottom", "left", "right")
