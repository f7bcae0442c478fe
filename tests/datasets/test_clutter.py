"""Scenes of clutter: what is promised of boxes, settings, sizes and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import catalogue
from benchmark.errors import DataError
from tests.rounding import EPS

NOWHERE = Path("nowhere")


def scenes(count: int = 64, **words: Any) -> BoxedImages:
    dataset: Any = catalogue.find("clutter").dataset
    asked: dict[str, Any] = {"root": NOWHERE, "size": (64, 64), "count": count, "seed": 1, "spread": 1.0}
    found: BoxedImages = dataset.boxed("train", **(asked | words))
    return found


def centres(found: BoxedImages) -> Tensor:
    return (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 / found.size[0]


def test_objects_are_small_and_of_all_classes_and_one_to_eight_a_scene() -> None:
    found = scenes(256)
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]) / 64
    assert float(sides.max()) <= 0.12 + 4 * EPS
    assert 1 <= int(found.counts.min()) < int(found.counts.max()) <= 8
    share = found.labels.bincount(minlength=4) / len(found.labels)
    # Binomial: five standard deviations of a share of a quarter
    assert float((share - 0.25).abs().max()) < 5 * (0.25 * 0.75 / len(found.labels)) ** 0.5


def test_centres_lie_up_to_the_border_or_in_the_middle() -> None:
    anywhere, middle = centres(scenes(256)), centres(scenes(256, spread=0.6))
    for side in (anywhere.amin(0), 1 - anywhere.amax(0)):
        assert float(side.max()) < 0.05  # clipped boxes: their centres are inside
    assert float(middle.min()) >= 0.2 - 4 * EPS
    assert float(middle.max()) <= 0.8 + 4 * EPS
    cut = (scenes(256).boxes == 0) | (scenes(256).boxes == 64)
    assert int(cut.any(1).sum()) > 20


def test_distractors_lie_at_the_border_in_the_middle_setting_too() -> None:
    # Grey things change a pixel's brightness against the smooth ground more than noise does, on average over scenes.
    images = scenes(256, spread=0.6).images.float()
    rim, within = images[..., :8, :].std(), images[..., 28:36, :].std()
    assert float(rim) > 0.6 * float(within)


def test_a_seed_shows_the_same_scenes_at_any_size_and_in_any_number() -> None:
    small, large, fewer = scenes(), scenes(size=(65, 65)), scenes(10)
    assert torch.equal(small.labels, large.labels)
    assert torch.equal(small.counts, large.counts)
    assert float((small.boxes / 64 - large.boxes / 65).abs().max()) <= 4 * EPS
    assert torch.equal(small.images[:10], fewer.images)
    assert torch.equal(small.boxes[: len(fewer.boxes)], fewer.boxes)
    assert not torch.equal(small.images, scenes(seed=2).images)


def test_scenes_are_the_same_to_the_bit_under_any_number_of_threads() -> None:
    threads = torch.get_num_threads()
    alone = scenes(70)
    try:
        torch.set_num_threads(3)
        assert torch.equal(alone.images, scenes(70).images)
    finally:
        torch.set_num_threads(threads)


def test_an_object_shows_its_colour_where_its_box_says() -> None:
    found = scenes(256)
    red = channel_excess(found, channel=0, label=0)
    green = channel_excess(found, channel=1, label=1)
    blue = channel_excess(found, channel=2, label=2)
    assert min(red, green, blue) > 10  # of 255, over the mean of the other channels, against the same of the ground


def channel_excess(found: BoxedImages, *, channel: int, label: int) -> float:
    inside, outside = [], []
    others = [each for each in range(3) if each != channel]
    for index in range(len(found.images)):
        image = found.images[index].float()
        excess = image[channel] - image[others].mean(0)
        boxes, labels, _ = found.of(index)
        for x1, y1, x2, y2 in boxes[labels == label].round().int().tolist():
            inside.append(float(excess[y1:y2, x1:x2].mean()))
        outside.append(float(excess.mean()))
    return sum(inside) / len(inside) - sum(outside) / len(outside)


def test_nothing_overlaps() -> None:
    found = scenes(256)
    for index in range(len(found.images)):
        boxes = found.of(index)[0]
        width = torch.minimum(boxes[:, None, 2], boxes[:, 2]) - torch.maximum(boxes[:, None, 0], boxes[:, 0])
        height = torch.minimum(boxes[:, None, 3], boxes[:, 3]) - torch.maximum(boxes[:, None, 1], boxes[:, 1])
        overlapping = (width > 0) & (height > 0)
        assert int(overlapping.sum()) == len(boxes)  # each with itself


def test_all_but_cut_off_objects_need_not_be_found() -> None:
    found = scenes(2000)
    area = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1)
    assert 0 < int(found.ignored.sum()) < 0.01 * len(found.ignored)
    assert float(area[found.ignored].max()) <= 0.2 * (0.12 * 64) ** 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"size": (64, 80)}, "square of 64 to 512"),
        ({"size": (63, 63)}, "square of 64 to 512"),
        ({"size": (513, 513)}, "square of 64 to 512"),
        ({"count": 0}, "count of one or more"),
        ({"count": None}, "count of one or more"),
        ({"spread": 0.0}, "above 0 and up to 1"),
        ({"spread": 1.5}, "above 0 and up to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(words: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        scenes(**words)


def test_there_is_nothing_to_miss_or_fetch() -> None:
    dataset: Any = catalogue.find("clutter").dataset
    assert dataset.missing(NOWHERE) is None
    assert dataset.categories(NOWHERE) == ("disc", "cross", "ring", "triangle")
    with pytest.raises(DataError, match="drawn from a seed"):
        dataset.fetch(NOWHERE)
