"""Replies of a contestant of small_objects: what is taken, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmark.errors import ContestantError
from benchmark.tasks.small_objects.rules import Found, Resolution

FORM = Found(2, (64, 96), classes=3, most=3)


def reply(**parts: Any) -> list[Any]:
    whole: dict[str, Any] = {
        "boxes": torch.tensor([[1.0, 2.0, 9.0, 9.0], [90.0, 60.0, 120.0, 80.0]]),
        "labels": torch.tensor([0, 2]),
        "scores": torch.tensor([0.9, 0.1]),
        "counts": torch.tensor([2, 0]),
    }
    return list((whole | parts).values())


def test_boxes_are_clipped_to_the_image() -> None:
    read = FORM.read(reply(), "detect")
    assert read.boxes.tolist() == [[1, 2, 9, 9], [90, 60, 96, 64]]
    assert read.counts.tolist() == [2, 0]


def test_nothing_may_be_found() -> None:
    nothing = FORM.read(
        [torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.tensor([0, 0])], "detect"
    )
    assert nothing.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "no list of four"),
        (reply()[:3], "no list of four"),
        (reply(labels=torch.tensor([0.0, 1.0])), "labels of torch.float32; return an int64 tensor of one dimension"),
        (reply(labels=torch.tensor([0, 3])), "labels from 0 to 3 of 3"),
        (reply(labels=[0, 1]), "labels of list"),
        (reply(labels=None), "labels of NoneType"),
        (reply(labels=torch.tensor(1)), r"labels of torch.int64"),
        (reply(counts=torch.tensor([2])), "returned 1 counts for 2 images"),
        (reply(counts=torch.tensor([1, 0])), "2 detections and counts from 0 to 1 that add up to 1"),
        (reply(counts=torch.tensor([3, -1])), "counts from -1 to 3"),
        (reply(boxes=torch.zeros(2, 5)), r"return a float tensor \(2, 4\)"),
        (reply(boxes=torch.full((2, 4), torch.nan)), "NaN or infinity for 2 of 2"),
        (reply(scores=torch.zeros(3)), r"return a float tensor \(2\)"),
    ],
)
def test_other_replies_are_refused(answer: Any, complaint: str) -> None:
    with pytest.raises(ContestantError, match=complaint) as raised:
        FORM.read(answer, "detect")
    assert raised.value.status == "invalid_output"


def test_more_than_the_most_of_an_image_is_refused() -> None:
    with pytest.raises(ContestantError, match="3 at most"):
        FORM.read(
            [torch.zeros(4, 4), torch.zeros(4, dtype=torch.int64), torch.zeros(4), torch.tensor([4, 0])], "detect"
        )


def test_a_size_up_to_a_quarter_more_is_given() -> None:
    form = Resolution(64, 96)
    assert form.read([64, 96], "resolution") == (64, 96)
    assert form.read((80, 120), "resolution") == (80, 120)
    for answer in ([63, 96], [64, 121], [64], "64", None, [64.0, 96.0], [True, 96], [64, 96, 3]):
        with pytest.raises(ContestantError, match=r"from 64 to 80 and from 96 to 120"):
            form.read(answer, "resolution")
