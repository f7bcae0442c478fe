"""Smooth grounds: within bounds, smooth, all different, the same in any block; figures laid on them."""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import BSpline

from benchmark.data.drawing import textures
from benchmark.data.drawing.textures import centres, covered, ground, ground_numbers, inked, lit, smooth_texture
from benchmark.seeding import generator


def rng() -> torch.Generator:
    return generator(0, "test")


def test_bounds_shape_and_type() -> None:
    fields = smooth_texture(50, 20, rng())
    assert fields.shape == (50, 1, 20, 20)
    assert fields.dtype == torch.float32
    assert fields.amin((1, 2, 3)).tolist() == [0.0] * 50
    assert fields.amax((1, 2, 3)).tolist() == [1.0] * 50


def test_smooth_and_not_flat() -> None:
    """From a pixel to the next, grey moves by a few hundredths on average; over the image, by much more."""
    fields = smooth_texture(200, 32, rng())
    assert 0.01 < fields.diff(dim=3).abs().mean() < 0.06
    assert fields.std((1, 2, 3)).min() > 0.1


def test_all_different_and_repeatable() -> None:
    fields = smooth_texture(30, 16, rng())
    assert len({field.numpy().tobytes() for field in fields}) == 30
    assert torch.equal(fields, smooth_texture(30, 16, rng()))


def test_a_block_changes_nothing() -> None:
    numbers = ground_numbers(23, rng())
    parts = torch.cat([ground(part, 19) for part in numbers.split(5)])
    assert torch.equal(parts, ground(numbers, 19))


def test_the_same_ground_at_any_size() -> None:
    """Averaged over 2 x 2 pixels, the larger image is the smaller one, but for how its range is stretched."""
    numbers = ground_numbers(20, rng())
    small, large = ground(numbers, 24), torch.nn.functional.avg_pool2d(ground(numbers, 48), 2)
    assert (small - large).abs().max() < 0.05


def test_splines_match_scipy() -> None:
    """Against scipy's B-splines, evaluated one axis after the other; float32 rounding leaves 1e-5."""
    cells, size = 4, 13
    coefficients = torch.randn(1, cells + 3, cells + 3, generator=rng())
    at = (np.arange(size) + 0.5) * cells / size
    basis = BSpline.design_matrix(at, np.arange(-3, cells + 4).astype(float), 3).toarray()
    expected = basis @ coefficients[0].double().numpy() @ basis.T
    assert np.abs(textures._splines(coefficients, size)[0].numpy() - expected).max() < 1e-5


def test_figures_on_grounds() -> None:
    paper, depth = torch.full((1, 1, 3), 0.8), torch.full((1, 1, 1), 0.5)
    figure = torch.tensor([[[0.0, 0.5, 1.0]]])
    assert torch.allclose(inked(paper, figure, depth), torch.tensor([[[0.8, 0.6, 0.4]]]))
    assert torch.allclose(covered(paper, figure, torch.full((1, 1, 1), 0.2)), torch.tensor([[[0.8, 0.5, 0.2]]]))


def test_light_from_one_side() -> None:
    assert centres(4).tolist() == [-0.75, -0.25, 0.25, 0.75]
    flat, none, some = torch.ones(1, 4, 4), torch.zeros(1, 1, 1), torch.full((1, 1, 1), 0.4)
    assert torch.allclose(lit(flat, some, none)[0, 2], torch.tensor([0.7, 0.9, 1.1, 1.3]))
    assert torch.allclose(lit(flat, none, some)[0, :, 1], torch.tensor([0.7, 0.9, 1.1, 1.3]))
