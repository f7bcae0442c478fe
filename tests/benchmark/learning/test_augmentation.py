"""Random views of images: what they keep, what they change, and how far."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.learning.augmentation import Views, cropped, mirrored

NONE = Views(**dict.fromkeys(asdict(Views()), 0.0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(count: int = 6, channels: int = 1, size: int = 24) -> Tensor:
    """A blob in the middle, so that where it went and how large it is can be measured."""
    places = torch.linspace(-1, 1, size)
    blob = torch.exp(-(places[:, None] ** 2 + places**2) / 0.08)
    return blob.expand(count, channels, size, size).contiguous()


def middle(images: Tensor) -> Tensor:
    """Centre of mass (n, 2), x and y in half widths."""
    size = images.shape[2]
    places = (torch.arange(size) + 0.5) * 2 / size - 1
    mass = images.sum((1, 2, 3))
    return torch.stack([images.sum((1, 2)) @ places / mass, images.sum((1, 3)) @ places / mass], dim=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_type_stay(channels: int) -> None:
    images = torch.randn(5, channels, 12, 12, generator=generator())
    before = images.clone()
    view = Views()(images, generator())
    assert (view.shape, view.dtype) == (images.shape, torch.float32)
    assert view.isfinite().all()
    assert torch.equal(images, before), "the images themselves were changed"


def test_seeded_and_each_image_its_own() -> None:
    images, views, rng = smooth(), Views(), generator(3)
    first, second = views(images, rng), views(images, rng)
    assert torch.equal(views(images, generator(3)), first)
    assert not torch.equal(first, second)
    for one in range(len(images)):
        for other in range(one):
            assert (first[one] - first[other]).abs().max() > 0.05
    before = torch.get_rng_state()
    views(images, rng)
    assert torch.equal(torch.get_rng_state(), before)


def test_ranges_of_zero_change_nothing() -> None:
    images = torch.randn(50, 3, 12, 12, generator=generator())
    assert torch.allclose(NONE(images, generator()), images, atol=1e-5)


def test_a_stretch_keeps_the_area() -> None:
    images = smooth(50)
    view = Views(**(asdict(NONE) | {"stretch": 0.3}))(images, generator())
    mass = view.sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert (mass - 1).abs().max() < 0.02, "what is gained in width is lost in height"
    assert (view.flip(2) - view).abs().max() < 1e-5, "turned or sheared"


@pytest.mark.parametrize("name", asdict(NONE))
def test_each_range_has_its_effect(name: str) -> None:
    images = torch.randn(8, 1, 16, 16, generator=generator())
    changed = Views(**(asdict(NONE) | {name: 0.3}))(images, generator())
    assert (changed - NONE(images, generator())).abs().max() > 0.05


def test_shift() -> None:
    """grid_sample looks where the affine map points: shifts are uniform up to the given share of the half width."""
    view = Views(**(asdict(NONE) | {"shift": 0.15}))(smooth(400), generator())
    moved = middle(view)
    assert 0.14 < float(moved.abs().max()) < 0.17
    assert float(moved.std()) == pytest.approx(0.15 / math.sqrt(3), rel=0.1)
    assert moved.mean(0).abs().max() < 0.02


def test_zoom_is_a_share_up_or_down() -> None:
    images = smooth(400)
    areas = Views(**(asdict(NONE) | {"zoom": 0.25}))(images, generator()).sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert float(areas.max()) == pytest.approx(1.25**2, rel=0.03)
    assert float(areas.min()) == pytest.approx(1.25**-2, rel=0.03)


def test_lighting() -> None:
    images = torch.ones(400, 1, 4, 4)
    bright = Views(**(asdict(NONE) | {"brightness": 0.4}))(images, generator())
    contrast = Views(**(asdict(NONE) | {"contrast": 0.4}))(-2 * images, generator())
    for view, middle_value, reach in ((bright, 1.0, 0.4), (contrast, -2.0, 0.8)):
        values = view[:, 0, 0, 0]
        assert torch.allclose(view, values[:, None, None, None].expand_as(view))
        assert float((values - middle_value).abs().max()) == pytest.approx(reach, rel=0.02)
        assert float(values.mean()) == pytest.approx(middle_value, abs=0.06)


def test_no_mirror_image() -> None:
    """A character that is bright on the left stays so."""
    images = torch.zeros(200, 1, 16, 16)
    images[..., :8] = 1
    view = Views(contrast=0, brightness=0)(images, generator())
    assert (view[..., :4].mean((1, 2, 3)) > view[..., -4:].mean((1, 2, 3)) + 0.5).all()


def test_half_of_the_images_are_mirrored() -> None:
    images = torch.rand(400, 1, 2, 2)
    found = mirrored(images, generator())
    turned = (found == images.flip(3)).flatten(1).all(1)
    assert 160 < int(turned.sum()) < 240
    assert torch.equal(found[~turned], images[~turned])


def test_crops_are_stretches_of_padded_images() -> None:
    images = torch.rand(300, 2, 6, 7)
    found = cropped(images, by=2, generator=generator())
    assert found.shape == images.shape
    padded = torch.from_numpy(np.pad(images.numpy(), [(0, 0), (0, 0), (2, 2), (2, 2)], mode="reflect"))
    crops = [padded[:, :, down : down + 6, right : right + 7] for down in range(5) for right in range(5)]
    counts = [int((found == crop).flatten(1).all(1).sum()) for crop in crops]
    assert sum(counts) == 300
    assert min(counts) >= 3, "every place comes up"
