"""The corruptions to tune on, against what the published code does."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

from benchmark.tasks.test_time_shift.corruptions import HELD_OUT, NAMES, held_out
from tests.benchmark.tasks.test_time_shift.corruptions.small_images import floats, rng


class TestHeldOut:
    def test_they_are_none_of_the_fifteen(self) -> None:
        assert not set(HELD_OUT) & set(NAMES)
        assert len(HELD_OUT) == 4

    def test_saturation_against_hsv(self) -> None:
        x = floats(1)
        x[0, :, 0, 0] = 0.5  # grey has no hue
        found = held_out.saturate(x, (2.0, 0.1), rng())
        for y, z in np.ndindex(32, 32):
            hue, saturation, value = colorsys.rgb_to_hsv(*x[0, :, y, z].tolist())
            expected = colorsys.hsv_to_rgb(hue, min(1, 2 * saturation + 0.1), value)
            assert found[0, :, y, z].tolist() == pytest.approx(expected, abs=1e-4)

    def test_speckles_grow_with_brightness(self) -> None:
        for level in (0.2, 0.8):
            x = torch.full((50, 1, 32, 32), level)
            assert float(held_out.speckle_noise(x, 0.2, rng()).std()) == pytest.approx(0.2 * level, rel=3e-2)

    @pytest.mark.parametrize("size", [16, 32])
    def test_drops_cover_as_much_as_the_released_ones(self, size: int) -> None:
        """Mean weights of drops that the released code gives, 500 images each; its water is shaded otherwise."""
        spatter, severities = held_out.CORRUPTIONS["spatter"]
        black = torch.zeros(500, 3, size, size)
        for liquid, released in zip(severities, (0.005, 0.014, 0.034, 0.035, 0.058), strict=True):
            drops = spatter(black, liquid, rng())
            colour = torch.tensor(held_out._MUD if liquid[-1] else held_out._WATER)
            torch.testing.assert_close(drops[:, 0] / colour[0], drops[:, 1] / colour[1])
            weight = drops[:, 1] / colour[1]
            assert 0.4 * released < float(weight.mean()) < 1.4 * released

    def test_mud_covers_and_water_adds_light(self) -> None:
        spatter, severities = held_out.CORRUPTIONS["spatter"]
        black, white = torch.zeros(20, 3, 32, 32), torch.ones(20, 3, 32, 32)
        for liquid in severities:
            shown, covered = (spatter(x, liquid, rng()) for x in (black, white))
            share = shown[:, 1] / (0.16 if liquid[-1] else 0.93)
            assert float(share[share > 0].min()) >= (0.8 if liquid[-1] else 0)
            torch.testing.assert_close(covered[:, 1], 1 + shown[:, 1] - (share if liquid[-1] else 0))
