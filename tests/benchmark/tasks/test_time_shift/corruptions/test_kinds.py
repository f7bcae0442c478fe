"""Each corruption against what the published code does, written slowly, or with scipy and Pillow."""

from __future__ import annotations

import colorsys
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from benchmark.tasks.test_time_shift.corruptions import (
    SEVERITIES,
    blur,
    corrupt,
    digital,
    filters,
    weather,
)
from tests.benchmark.tasks.test_time_shift.corruptions.small_images import floats, images, planes, rng


class TestBlur:
    @pytest.mark.parametrize("severity", SEVERITIES)
    def test_defocus_against_scipy(self, severity: int) -> None:
        x = floats()
        radius, sigma = blur.CORRUPTIONS["defocus_blur"][1][severity - 1]  # type: ignore[index]
        grid = np.arange(-8, 9)
        disk = (grid[:, None] ** 2 + grid**2 <= radius**2).astype(float)
        bell = np.exp(-np.array([1.0, 0, 1]) / (2 * sigma**2))
        window = np.outer(bell, bell) / bell.sum() ** 2
        kernel = ndimage.correlate(disk / disk.sum(), window, mode="constant")
        found = blur.defocus_blur(x, (radius, sigma), rng())
        for (index, channel), plane in planes(x):
            expected = ndimage.correlate(plane, kernel, mode="mirror")
            np.testing.assert_allclose(found[index, channel], expected, atol=1e-5)

    def test_glass_against_the_published_loop(self) -> None:
        """It says to swap pixels; on views of an array that copies the neighbour, which is read before it moves."""
        x = floats(3)
        found = blur.glass_blur(x, (0.4, 2), rng("glass"))
        drawn = rng("glass")
        state = np.stack([ndimage.gaussian_filter(plane, 0.4, mode="nearest") for _, plane in planes(x)])
        state = np.floor(state.reshape(3, 3, 32, 32) * 255 + 1e-4)
        for _ in range(2):
            moves = torch.randint(0, 4, (3, 30, 30), generator=drawn).numpy()
            up, left = moves // 2, moves % 2
            for index in range(3):
                for h in range(31, 1, -1):
                    for w in range(31, 1, -1):
                        dy, dx = -up[index, h - 2, w - 2], -left[index, h - 2, w - 2]
                        state[index, :, h, w] = state[index, :, h + dy, w + dx]
        for (index, channel), plane in planes(torch.from_numpy(state / 255)):
            expected = ndimage.gaussian_filter(plane, 0.4, mode="nearest")
            assert np.abs(found[index, channel].numpy() - expected).max() < 1.1 / 255  # a tie may be cut either way

    def test_motion_against_a_loop_over_taps(self) -> None:
        x, angles = floats(3), torch.tensor([0.0, -30, 45])
        found = filters.streaked(x, 6, 2.0, angles)
        weights = [math.exp(-(tap**2) / 8) for tap in range(13)]
        for (index, channel), plane in planes(x):
            angle, expected = math.radians(float(angles[index])), np.zeros((32, 32))
            for row in range(32):
                for column in range(32):
                    for tap, weight in enumerate(weights):
                        y = row + math.ceil(tap * math.sin(angle) - 0.5)
                        z = column + math.ceil(tap * math.cos(angle) - 0.5)
                        expected[row, column] += weight * plane[min(max(y, 0), 31), min(max(z, 0), 31)]
            np.testing.assert_allclose(found[index, channel], expected / sum(weights), atol=1e-5)

    @pytest.mark.parametrize("size", [20, 32])
    @pytest.mark.parametrize("factor", [1.0, 1.01, 1.13, 1.25, 1.75, 2.25])
    def test_zoom_against_scipy(self, factor: float, size: int) -> None:
        x = floats(2, size=size)
        found = filters.zoomed(x, factor)
        inner = math.ceil(size / factor)
        top = (size - inner) // 2
        for (index, channel), plane in planes(x):
            expected = ndimage.zoom(plane[top : top + inner, top : top + inner], factor, order=1)
            trim = (len(expected) - size) // 2
            expected = expected[trim : trim + size, trim : trim + size]
            np.testing.assert_allclose(found[index, channel], expected, atol=1e-5)

    def test_zoom_blur_counts_the_image_once_more(self) -> None:
        x = floats(2)
        zooms = [filters.zoomed(x, factor) for factor in np.arange(1, 1.06, 0.01)]
        expected = (x + torch.stack(zooms).sum(0)) / (len(zooms) + 1)
        torch.testing.assert_close(blur.zoom_blur(x, 1.06, rng()), expected)

    @pytest.mark.parametrize(("border", "mode"), [("nearest", "nearest"), ("symmetric", "reflect")])
    @pytest.mark.parametrize("sigma", [0.0, 0.4, 1.3, 6.4])
    def test_gaussian_against_scipy(self, sigma: float, border: str, mode: str) -> None:
        x = floats(2)
        found = filters.blurred(x, sigma, truncate=3, border=border)
        for (index, channel), plane in planes(x):
            expected = ndimage.gaussian_filter(plane, sigma, truncate=3, mode=mode) if sigma else plane
            np.testing.assert_allclose(found[index, channel], expected, atol=1e-5)


class TestWeather:
    def test_fractal_against_a_loop_over_points(self) -> None:
        side, decay = 16, 1.75
        drawn = rng("fractal")
        field = np.zeros((side, side))
        step, wobble = side, 100.0
        while step >= 2:
            half = step // 2
            for first in ("squares", "across", "down"):
                cells = side // step
                noise_ = (torch.rand(1, cells, cells, generator=drawn, dtype=torch.float64) * 2 - 1)[0].numpy()
                for i, j in np.ndindex(cells, cells):
                    y = i * step + (half if first != "across" else 0)
                    x = j * step + (half if first != "down" else 0)
                    around = (
                        ((-1, -1), (-1, 1), (1, -1), (1, 1))
                        if first == "squares"
                        else ((-1, 0), (1, 0), (0, -1), (0, 1))
                    )
                    corners = [field[(y + a * half) % side, (x + b * half) % side] for a, b in around]
                    field[y, x] = sum(corners) / 4 + wobble**2 * noise_[i, j]
            step, wobble = half, wobble / decay
        expected = (field - field.min()) / (field.max() - field.min())
        np.testing.assert_allclose(filters.plasma(1, side, decay, rng("fractal"))[0, 0], expected, atol=1e-5)

    @pytest.mark.parametrize("size", [20, 32])
    def test_fractals_span_the_range_and_are_smoother_for_a_larger_decay(self, size: int) -> None:
        rough, smooth = (filters.plasma(50, size, decay, rng()) for decay in (1.5, 3.0))
        assert rough.shape == (50, 1, size, size)
        assert 0 <= float(rough.min()) < float(rough.max()) <= 1
        assert float(smooth.diff(dim=3).abs().mean()) < 0.6 * float(rough.diff(dim=3).abs().mean())

    def test_fog_keeps_the_brightest_value_where_the_fractal_is_1(self) -> None:
        x = torch.full((1, 3, 32, 32), 0.5)
        found = weather.fog(x, (1.5, 1.75), rng())
        assert float(found.max()) == pytest.approx((0.5 + 1.5) * 0.5 / 2)
        assert float(found.min()) == pytest.approx(0.5 * 0.5 / 2)

    def test_brightness_against_hsv(self) -> None:
        x = floats(1)
        x[0, :, 0, 0] = 0  # black has no hue
        found = weather.brightness(x, 0.3, rng())
        for y, z in np.ndindex(32, 32):
            hue, saturation, value = colorsys.rgb_to_hsv(*x[0, :, y, z].tolist())
            expected = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.3))
            assert found[0, :, y, z].tolist() == pytest.approx(expected, abs=1e-5)

    def test_frost_fades_the_image_and_adds_ice(self) -> None:
        black, white = torch.zeros(20, 1, 32, 32), torch.ones(20, 1, 32, 32)
        ice = weather.frost(black, (0.75, 0.45), rng())
        assert 0 <= float(ice.min()) < float(ice.max()) <= 0.45
        torch.testing.assert_close(weather.frost(white, (0.75, 0.45), rng()), ice + 0.75)

    @pytest.mark.parametrize("size", [16, 32])
    def test_ice_is_as_bright_and_as_rough_as_the_released_photographs(self, size: int) -> None:
        """Measured on 5,000 crops of them."""
        ice = weather.frost(torch.zeros(1000, 3, size, size), (0.0, 1.0), rng())
        assert ice.mean((0, 2, 3)).tolist() == pytest.approx([0.565, 0.648, 0.695], abs=0.02)
        grey = ice.mean(1)
        assert float(grey.mean((1, 2)).std()) == pytest.approx(0.152, abs=0.02)
        assert float(grey.std((1, 2)).mean()) == pytest.approx(0.087, abs=0.015)

    def test_snow_is_the_same_upside_down_and_whitens(self) -> None:
        x = torch.zeros(5, 3, 32, 32)
        found = weather.snow(x, (0.3, 0.3, 1.25, 0.65, 14.0, 12.0, 0.8), rng())
        torch.testing.assert_close(found, found.flip(2, 3))
        assert float(found.min()) == pytest.approx(0.2 * 0.5)  # no flake: 0.2 max(0, 0.5)

    def test_luma(self) -> None:
        x = floats(1)
        expected = np.asarray(Image.fromarray((x[0].permute(1, 2, 0) * 255).byte().numpy()).convert("L"))
        assert np.abs(weather.grey(x)[0, 0].numpy() * 255 - expected).max() < 1
        assert torch.equal(weather.grey(x[:, :1]), x[:, :1])


class TestDigital:
    def test_contrast(self) -> None:
        x = floats(2)
        means = x.mean((2, 3), keepdim=True)
        torch.testing.assert_close(digital.contrast(x, 0.15, rng()), (x - means) * 0.15 + means)

    @pytest.mark.parametrize("share", [0.95, 0.75, 0.65])
    @pytest.mark.parametrize("size", [20, 32])
    def test_pixelate_against_pillow(self, share: float, size: int) -> None:
        x = floats(3, size=size)
        found = digital.pixelate(x, share, rng())
        for index, image in enumerate(x):
            picture = Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy())
            small = picture.resize((int(size * share),) * 2, Image.Resampling.BOX)
            back = np.asarray(small.resize((size, size), Image.Resampling.BOX))
            assert np.abs(found[index].permute(1, 2, 0).numpy() * 255 - back).max() < 1.5  # it rounds in between

    @pytest.mark.parametrize("channels", [1, 3])
    def test_jpeg_is_pillow_s(self, channels: int) -> None:
        clean = images(2, channels)
        found = corrupt(clean, "jpeg_compression", 5, generator=rng())
        for image, compressed in zip(clean, found, strict=True):
            file = io.BytesIO()
            pixels = image.permute(1, 2, 0).numpy()
            Image.fromarray(pixels if channels == 3 else pixels[:, :, 0]).save(file, "JPEG", quality=40)
            expected = np.asarray(Image.open(file)).reshape(32, 32, channels)
            assert np.abs(compressed.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1

    def test_elastic_against_scipy(self) -> None:
        x, (amplitude, sigma, shift) = floats(3), (0.08, 0.06, 0.06)
        found = digital.elastic_transform(x, (amplitude, sigma, shift), rng("rubber"))
        drawn = rng("rubber")
        moves = ((torch.rand(3, 3, 2, generator=drawn, dtype=torch.float64) * 2 - 1) * shift * 32).numpy()
        fields = (torch.rand(3, 2, 32, 32, generator=drawn, dtype=torch.float64) * 2 - 1).numpy()
        corners = np.array([[26.0, 26], [26, 6], [6, 6]])  # as (x, y)
        rows, columns = np.mgrid[:32, :32].astype(float)
        for (index, channel), plane in planes(x):
            back, *_ = np.linalg.lstsq(np.c_[corners + moves[index], np.ones(3)], corners, rcond=None)
            places = np.stack([columns, rows, np.ones((32, 32))], axis=-1) @ back
            moved = ndimage.map_coordinates(plane, [places[..., 1], places[..., 0]], order=1, mode="mirror")
            down, right = (
                ndimage.gaussian_filter(part, sigma * 32, truncate=3, mode="reflect") * amplitude * 32
                for part in fields[index]
            )
            expected = ndimage.map_coordinates(moved, [rows + down, columns + right], order=1, mode="reflect")
            np.testing.assert_allclose(found[index, channel], expected, atol=1e-4)

    def test_without_amplitude_or_shift_nothing_moves(self) -> None:
        x = floats(2)
        torch.testing.assert_close(digital.elastic_transform(x, (0.0, 0.1, 0.0), rng()), x, atol=1e-5, rtol=0)
