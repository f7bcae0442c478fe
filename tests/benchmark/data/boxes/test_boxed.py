"""Images with boxes: what a dataset may give, and how one image's objects are found again."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.errors import DataError


def boxed(**changes: Any) -> BoxedImages:
    """Three images of 4 x 6 pixels with two, no and one object."""
    words: dict[str, Any] = {
        "images": torch.zeros(3, 3, 4, 6, dtype=torch.uint8),
        "boxes": torch.tensor([[0, 0, 6, 4], [1, 1, 2, 2], [0.5, 0, 1, 4]]),
        "labels": torch.tensor([0, 1, 1]),
        "counts": torch.tensor([2, 0, 1]),
        "ignored": torch.tensor([False, True, False]),
        "classes": ("a", "b"),
    }
    return BoxedImages(**words | changes)


def test_objects_of_one_image() -> None:
    found = boxed()
    assert found.size == (4, 6)
    assert found.dropped == 0
    for index, split in enumerate(found.boxes.split(found.counts.tolist())):
        assert torch.equal(found.of(index)[0], split)
    assert [found.of(index)[1].tolist() for index in range(3)] == [[0, 1], [], [1]]
    assert [found.of(index)[2].tolist() for index in range(3)] == [[False, True], [], [False]]


def test_they_move_with_the_image_in_torchvisions_hands() -> None:
    from torchvision.transforms.v2 import functional

    moved = functional.horizontal_flip(boxed().tv_boxes(2))
    assert moved.canvas_size == (4, 6)
    assert moved.tolist() == [[5, 0, 5.5, 4]]


def test_none_at_all() -> None:
    none = torch.zeros(0)
    found = boxed(boxes=torch.zeros(0, 4), labels=none.long(), ignored=none.bool(), counts=torch.zeros(3).long())
    assert found.of(1)[0].shape == (0, 4)
    assert found.tv_boxes(1).shape == (0, 4)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"images": torch.zeros(3, 1, 4, 6, dtype=torch.uint8)},
            r"images are \(3, 1, 4, 6\) torch.uint8.*\(n, 3, heig",
        ),
        ({"images": torch.zeros(3, 3, 4, 6)}, r"images are \(3, 3, 4, 6\) torch.float32"),
        ({"boxes": torch.zeros(3, 5)}, r"boxes are \(3, 5\) torch.float32; for 3 images with 3 boxes.*\(3, 4\)"),
        ({"boxes": torch.zeros(3, 4).double()}, r"boxes are \(3, 4\) torch.float64"),
        ({"boxes": torch.tensor(1.0)}, r"boxes are \(\) torch.float32"),
        ({"labels": torch.zeros(2).long()}, r"labels are \(2,\) torch.int64; .* int64 of shape \(3,\)"),
        ({"labels": torch.zeros(3).int()}, r"labels are \(3,\) torch.int32"),
        ({"ignored": torch.zeros(3).long()}, r"ignored are \(3,\) torch.int64; .* bool of shape"),
        ({"counts": torch.tensor([2, 1])}, r"counts are \(2,\)"),
        ({"counts": torch.tensor([2, 0, 2])}, "counts add up to 4 and there are 3 boxes"),
        ({"counts": torch.tensor([4, -1, 0])}, "count the objects of each image"),
        ({"labels": torch.tensor([0, 1, 2])}, "labels are from 0 to 2; 2 classes have"),
        ({"labels": torch.tensor([0, -1, 1])}, "labels are from -1 to 1"),
    ],
)
def test_what_is_malformed_is_said(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        boxed(**changes)


@pytest.mark.parametrize(
    "box",
    [(-0.1, 0, 1, 1), (0, 0, 6.1, 1), (0, -1, 1, 1), (0, 0, 1, 4.1), (2, 0, 2, 1), (2, 1, 3, 0), (0, 0, torch.nan, 1)],
)
def test_a_box_outside_or_empty_is_said_with_its_image(box: tuple[float, ...]) -> None:
    boxes = boxed().boxes.clone()
    boxes[2] = torch.tensor(box)
    with pytest.raises(DataError, match=r"box \[.*\] of image 2 is empty or reaches out of the 6 x 4 pixels"):
        boxed(boxes=boxes)
