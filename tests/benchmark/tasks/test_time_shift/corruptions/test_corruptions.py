"""What holds for all corruptions: the same bits under any threads, errors, distortion that grows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmark.errors import UnknownNameError, UsageError
from benchmark.tasks.test_time_shift import corruptions
from benchmark.tasks.test_time_shift.corruptions import (
    HELD_OUT,
    NAMES,
    SEVERITIES,
    blur,
    corrupt,
    digital,
    held_out,
    noise,
    weather,
)
from tests.benchmark.tasks.test_time_shift.corruptions.small_images import floats, images, rng

ALL = (*NAMES, *HELD_OUT)


class TestAll:
    def test_names_are_those_of_the_published_files_in_their_order(self) -> None:
        assert len(NAMES) == 15
        assert (NAMES[0], NAMES[4], NAMES[9], NAMES[14]) == ("gaussian_noise", "glass_blur", "fog", "jpeg_compression")
        for family in (noise, blur, weather, digital, held_out):
            assert all(len(parameters) == 5 for _, parameters in family.CORRUPTIONS.values())
        assert tuple(held_out.CORRUPTIONS) == HELD_OUT

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 20), (3, 8)])
    def test_shape_and_reproducibility_under_any_number_of_threads(self, name: str, channels: int, size: int) -> None:
        clean, threads = images(20, channels, size), torch.get_num_threads()
        before = clean.clone()
        first = corrupt(clean, name, 5, generator=rng(name))
        try:
            torch.set_num_threads(3)
            second = corrupt(clean, name, 5, generator=rng(name))
        finally:
            torch.set_num_threads(threads)
        assert torch.equal(first, second)
        assert torch.equal(clean, before), "the images that were given are left as they are"
        assert (first.dtype, first.shape) == (torch.uint8, clean.shape)
        assert torch.equal(first, clean) == (name == "saturate" and channels == 1)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("channels", [1, 3])
    def test_distortion_grows_with_severity(self, name: str, channels: int) -> None:
        """But where the published parameters trade one distortion for another: see the exceptions."""
        clean = images(200, channels)
        distances = [
            float((corrupt(clean, name, severity, generator=rng(name)).float() - clean.float()).square().mean())
            for severity in SEVERITIES
        ]
        assert distances[0] > 0
        if name == "glass_blur":  # severities 4 and 5 sweep twice, 3 and 5 blur more
            assert min(distances[3:]) > max(distances[:3])
        elif name == "frost":  # from severity 3 on the image fades as the ice grows
            assert min(distances[1:]) > 1.5 * distances[0]
        elif name == "elastic_transform":  # less of the affine map, more of the field
            assert distances[0] != distances[4]
        elif name == "pixelate":  # pixels of 1.05 to 1.2 fall on those that are there as it happens
            assert distances[4] > distances[3] > max(distances[:3])
        elif name == "motion_blur":  # severity 4 is a longer kernel of the same width
            assert distances[4] > distances[2] > distances[1] > distances[0]
        else:
            assert distances == sorted(distances)

    @pytest.mark.parametrize("name", ["gaussian_noise", "glass_blur", "snow", "fog", "elastic_transform"])
    def test_each_image_has_randomness_of_its_own(self, name: str) -> None:
        same = images(1).repeat(6, 1, 1, 1)
        found = corrupt(same, name, 3, generator=rng(name))
        assert len(found.flatten(1).unique(dim=0)) == 6

    def test_many_images_go_in_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clean = images(7)
        whole = corrupt(clean, "contrast", 3, generator=rng())
        monkeypatch.setattr(corruptions, "_BLOCK", 3)
        assert torch.equal(corrupt(clean, "contrast", 3, generator=rng()), whole)
        assert corrupt(clean[:0], "fog", 3, generator=rng()).shape == (0, 3, 32, 32)

    def test_a_name_that_does_not_exist(self) -> None:
        with pytest.raises(UnknownNameError, match="no corruption 'gaussian_noize'; did you mean 'gaussian_noise'"):
            corrupt(images(), "gaussian_noize", 1, generator=rng())

    @pytest.mark.parametrize("severity", [0, 6, -1])
    def test_a_severity_that_does_not_exist(self, severity: int) -> None:
        with pytest.raises(UsageError, match=f"severity {severity} of fog does not exist; choose from 1 to 5"):
            corrupt(images(), "fog", severity, generator=rng())

    @pytest.mark.parametrize(
        "wrong",
        [
            floats(),
            torch.zeros(2, 2, 32, 32, dtype=torch.uint8),
            torch.zeros(2, 3, 32, 30, dtype=torch.uint8),
            torch.zeros(3, 32, 32, dtype=torch.uint8),
            torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
        ],
        ids=["floats", "two channels", "not square", "one image", "tiny"],
    )
    def test_other_images(self, wrong: Tensor) -> None:
        with pytest.raises(UsageError, match=r"corruptions need uint8 \(n, c, s, s\)"):
            corrupt(wrong, "fog", 1, generator=rng())

    def test_values_are_cut_to_8_bits_not_rounded(self) -> None:
        grey = torch.full((1, 1, 8, 8), 100, dtype=torch.uint8)
        assert corrupt(grey, "brightness", 1, generator=rng()).unique().tolist() == [112]  # 112.75


class TestNoise:
    def test_moments(self) -> None:
        x = torch.full((100, 3, 32, 32), 0.4)
        plain = noise.gaussian_noise(x, 0.1, rng()) - x
        assert float(plain.mean()) == pytest.approx(0, abs=1e-3)
        assert float(plain.std()) == pytest.approx(0.1, rel=1e-2)
        shot = noise.shot_noise(x, 50.0, rng())
        assert float(shot.mean()) == pytest.approx(0.4, abs=1e-3)
        assert float(shot.var()) == pytest.approx(0.4 / 50, rel=2e-2)
        assert float((shot * 50 - (shot * 50).round()).abs().max()) < 1e-4

    def test_impulses_are_black_or_white_and_as_many_as_said(self) -> None:
        x = torch.full((100, 3, 32, 32), 0.4)
        found = noise.impulse_noise(x, 0.07, rng())
        assert found.unique().tolist() == pytest.approx([0, 0.4, 1])
        assert float((found == 0).float().mean()) == pytest.approx(0.035, rel=5e-2)
        assert float((found == 1).float().mean()) == pytest.approx(0.035, rel=5e-2)
