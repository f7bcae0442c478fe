from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from benchmark.errors import UsageError
from benchmark.results.pictures import Picture, sheet

WHOLE = {"rows": ["a"], "columns": ["b", "c"], "height": 2, "width": 3, "channels": 1}


def packed(count: int) -> str:
    return base64.b64encode(zlib.compress(bytes(count))).decode()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_comes_back_pixel_by_pixel(channels: int) -> None:
    tiles = torch.arange(2 * 3 * channels * 4 * 5).view(2, 3, channels, 4, 5).to(torch.uint8)
    picture = sheet(tiles, rows=["r", "s"], columns=["x", "y", "z"])
    again = Picture.model_validate_json(picture.model_dump_json())
    assert again.tiles().shape == (2, 3, 4, 5, channels)
    np.testing.assert_array_equal(again.tiles().transpose(0, 1, 4, 2, 3), tiles.numpy())


def test_floats_are_rounded_to_bytes() -> None:
    picture = sheet(torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1, 1), rows=["r"], columns=["x", "y", "z"])
    assert picture.tiles().ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_floats_beyond_the_unit_interval_are_refused(value: float) -> None:
    with pytest.raises(UsageError, match=r"clip them to \[0, 1\]"):
        sheet(torch.full((1, 1, 1, 2, 2), value), rows=["r"], columns=["x"])


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (2, 1, 1, 2, 2), (1, 2, 1, 2, 2), (1, 1, 2, 2, 2)])
def test_names_must_fit_the_tiles(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="1 rows and 1 columns"):
        sheet(torch.zeros(shape), rows=["r"], columns=["x"])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"pixels": packed(11)}, "11 bytes of pixels"),
        ({"pixels": packed(13)}, "13 bytes of pixels or more"),
        ({"pixels": packed(12)[:-8]}, "cut short"),
        ({"pixels": "no base64!"}, "cannot be unpacked"),
        ({"pixels": packed(24), "channels": 2}, "not 2"),
        ({"pixels": packed(12), "height": 2**30}, "more than the"),
        ({"pixels": packed(0), "rows": []}, "rows"),
    ],
)
def test_a_damaged_picture_is_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Picture.model_validate(WHOLE | changed)


def test_what_unpacks_to_far_too_much_is_refused_without_unpacking_it() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(2**28), 9)).decode()
    with pytest.raises(ValidationError, match="13 bytes of pixels or more"):
        Picture.model_validate(WHOLE | {"pixels": bomb})
