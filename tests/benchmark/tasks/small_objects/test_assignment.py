"""Which cell answers for which object: places of cells, levels, and the way back to boxes."""

from __future__ import annotations

import pytest
import torch

from benchmark.tasks.small_objects.assignment import TYPICAL, assign, cells, decode, padded


def wide(*boxes: tuple[float, float, float, float]) -> torch.Tensor:
    return torch.tensor([boxes])


@pytest.mark.parametrize("size", [64, 65])
def test_cells_lie_at_multiples_of_the_stride_at_even_sizes_too(size: int) -> None:
    side = -(-size // 4)
    places, strides = cells([(side, side), (-(-size // 8), -(-size // 8))], (4, 8))
    assert places[:3].tolist() == [[0.5, 0.5], [4.5, 0.5], [8.5, 0.5]]
    assert places[side * side - 1].tolist() == [4 * (side - 1) + 0.5] * 2
    assert strides.unique().tolist() == [4, 8]


def test_an_object_belongs_to_the_level_of_its_size_and_to_the_cells_near_its_centre() -> None:
    places, strides = cells([(16, 16), (8, 8)], (4, 8))
    small, large = (7.0, 7.0, 13.0, 13.0), (20.0, 20.0, 51.0, 45.0)
    labels, boxes = assign(wide(small, large), torch.tensor([[2, 1]]), places, strides)
    answers = zip(((places - 0.5) / strides[:, None]).tolist(), strides.tolist(), labels[0].tolist(), strict=True)
    at = {tuple(place): (stride, label) for place, stride, label in answers if label >= 0}
    # The centres are (10, 10), of an object three strides of 4 and less wide, and (35.5, 32.5).
    assert at == {(x, y): (4, 2) for x in (2, 3) for y in (2, 3)} | {(4, 4): (8, 1), (5, 4): (8, 1)}
    assert boxes[0, labels[0] == 1][0].tolist() == list(large)


def test_an_object_beyond_the_last_cell_has_the_nearest_one() -> None:
    places, strides = cells([(16, 16), (8, 8)], (4, 8))
    labels, _ = assign(wide((62.5, 62.5, 64.0, 64.0)), torch.tensor([[0]]), places, strides)
    assert places[labels[0] >= 0].tolist() == [[60.5, 60.5]]


def test_of_two_objects_a_cell_takes_the_nearer() -> None:
    places, strides = cells([(16, 16), (8, 8)], (4, 8))
    two = wide((7.0, 6.0, 12.0, 11.0), (5.0, 6.0, 12.0, 11.0))
    labels, _ = assign(two, torch.tensor([[0, 1]]), places, strides)
    assert int(labels[0, (places == 8.5).all(1) & (strides == 4)]) == 1  # centres (9.5, 8.5) and (8.5, 8.5)


def test_no_object_is_no_label() -> None:
    places, strides = cells([(4, 4), (2, 2)], (4, 8))
    labels, boxes = assign(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), places, strides)
    assert labels.shape == (2, 20)
    assert bool((labels == -1).all())
    assert boxes.shape == (2, 20, 4)
    there, named = padded(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.tensor([0, 0]))
    assert there.shape == (2, 0, 4)
    assert named.shape == (2, 0)


def test_zeros_stand_for_a_typical_box_at_the_cell_and_numbers_come_back() -> None:
    places, strides = cells([(4, 4), (2, 2)], (4, 8))
    boxes = decode(torch.zeros(20, 4), places, strides)
    assert torch.equal((boxes[:, :2] + boxes[:, 2:]) / 2, places)
    assert torch.equal(boxes[:, 2] - boxes[:, 0], TYPICAL * strides)
    wanted = torch.tensor([3.0, 1.0, 9.0, 4.0])
    centre, sides = (wanted[:2] + wanted[2:]) / 2, wanted[2:] - wanted[:2]
    numbers = torch.cat([(centre - places[5]) / 4, (sides / (TYPICAL * 4)).log()])
    assert decode(numbers, places[5], strides[5]).tolist() == pytest.approx(wanted.tolist(), abs=1e-5)


def test_objects_of_each_image_stand_side_by_side() -> None:
    boxes = torch.arange(12.0).view(3, 4)
    there, named = padded(boxes, torch.tensor([5, 6, 7]), torch.tensor([1, 0, 2]))
    assert named.tolist() == [[5, -1], [-1, -1], [6, 7]]
    assert torch.equal(there[2], boxes[1:])
