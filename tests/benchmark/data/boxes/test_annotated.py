"""Boxes from annotated pixels to those of a size: clipped, dropped, scaled, chosen, kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional
from torchvision.tv_tensors import BoundingBoxes

from benchmark.data.boxes.annotated import Annotated, Notes

Corners = tuple[float, float, float, float]
SIDE = st.integers(1, 4000)
SIZE = st.tuples(SIDE, SIDE)
POSITION = st.floats(-5000, 5000, width=32)


def noted(*images: tuple[tuple[int, int], list[Corners]]) -> Annotated:
    """From (height, width) and boxes of each image; the k-th box has label k mod 2."""
    notes = Notes()
    for number, (size, boxes) in enumerate(images):
        notes.image(f"{number}.jpg", height=size[0], width=size[1])
        for label, box in enumerate(boxes):
            notes.box(box, label=label % 2, ignored=label == 1)
    return notes.done(Path("/pets"), ("cat", "dog"))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ((-3, -4, 5, 6), (0, 0, 5, 6)),
        ((15, 5, 25, 15), (15, 5, 20, 10)),
        ((-9, -9, 99, 99), (0, 0, 20, 10)),
        ((20, 0, 25, 5), None),  # beside the image, touching it
        ((-5, 2, 0, 4), None),
        ((3, 3, 3, 5), None),
        ((5, 5, 3, 3), None),
        ((1, 2, 1.001, 4), None),
        ((1, 2, 1.01, 4), (1, 2, 1.01, 4)),  # the thinnest that COCO can write
    ],
)
def test_boxes_are_clipped_and_what_leaves_nothing_is_counted(box: Corners, expected: Corners | None) -> None:
    found = noted(((10, 20), [box]))
    assert found.dropped.tolist() == [expected is None]
    assert found.counts.tolist() == [expected is not None]
    wanted = torch.tensor([expected] if expected else [], dtype=torch.float32).reshape(-1, 4)
    assert torch.equal(found.scaled((10, 20)), wanted)
    assert torch.allclose(found.scaled((5, 60)), wanted * torch.tensor([3, 0.5, 3, 0.5]))


@settings(deadline=None, max_examples=100)
@given(size=SIZE, other=SIZE, boxes=st.lists(st.tuples(*[POSITION] * 4), max_size=5))
def test_scaling_there_and_back_changes_nothing(
    size: tuple[int, int], other: tuple[int, int], boxes: list[Corners]
) -> None:
    here = noted((size, boxes))
    there = here.scaled(other)
    height, width = other
    x1, y1, x2, y2 = there.unbind(1)
    inside = (x1 >= 0) & (x1 < x2) & (x2 <= width) & (y1 >= 0) & (y1 < y2) & (y2 <= height)
    assert bool(inside.all()), "as BoxedImages wants them"
    back = functional.resize(BoundingBoxes(there, format="XYXY", canvas_size=other), list(size))
    assert torch.allclose(back.as_subclass(torch.Tensor), here.scaled(size), rtol=1e-6, atol=1e-6 * max(size))


def test_every_image_is_scaled_by_its_own_size() -> None:
    """As torchvision does it, an image at a time."""
    rng = np.random.default_rng(0)
    sizes = [(30, 40), (50, 20), (30, 40), (7, 9)]
    images = [(size, [(*a, *(a + 3)) for a in rng.uniform(0, 6, (count, 2))]) for count, size in enumerate(sizes)]
    expected = []
    for size, boxes in images:
        plain = BoundingBoxes(torch.tensor(boxes).reshape(-1, 4).float(), format="XYXY", canvas_size=size)
        expected.append(functional.resize(functional.clamp_bounding_boxes(plain), [16, 24]))
    assert torch.allclose(noted(*images).scaled((16, 24)), torch.cat(expected).as_subclass(torch.Tensor))


def test_a_choice_of_images_takes_their_objects_along() -> None:
    whole = noted(((9, 9), [(0, 0, 1, 1), (0, 0, 2, 2)]), ((8, 8), []), ((7, 7), [(0, 0, 3, 3), (4, 4, 4, 4)]))
    some = whole.chosen(np.array([2, 1, 0]))
    assert some.names == ("2.jpg", "1.jpg", "0.jpg")
    assert some.sizes.tolist() == [[7, 7], [8, 8], [9, 9]]
    assert some.counts.tolist() == [1, 0, 2]
    assert some.dropped.tolist() == [1, 0, 0]
    assert some.boxes[:, 2].tolist() == [3, 1, 2]
    assert some.labels.tolist() == [0, 0, 1]
    assert some.ignored.tolist() == [False, False, True]
    assert whole.chosen(np.array([1])).boxes.shape == (0, 4)


@pytest.mark.parametrize("boxes", [[], [(0, 0, 1, 1), (2, 2, 3, 3)]])
def test_packed_and_unpacked(boxes: list[Corners]) -> None:
    before = noted(((9, 9), boxes), ((5, 6), []))
    after = Annotated.unpacked(before.packed(), before.where)
    assert (after.where, after.names, after.classes) == (before.where, before.names, before.classes)
    for name in ("sizes", "boxes", "labels", "ignored", "counts", "dropped"):
        assert np.array_equal(getattr(before, name), getattr(after, name))
        assert getattr(before, name).dtype == getattr(after, name).dtype


def test_tally() -> None:
    found = noted(((90, 90), [(0, 0, 4, 9), (0, 0, 1, 1), (0, 0, 2, 2)])).tally()
    assert found[0] == ("cat", 2, 4.0)
    assert found[1][:2] == ("dog", 0), "the only dog is ignored"
