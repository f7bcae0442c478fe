"""Clouds have the dimension that they claim: by the rank of the points, or of the Jacobian of what makes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from benchmark.tasks.sample_efficiency import clouds
from benchmark.tasks.sample_efficiency.clouds import Decoder

AMBIENT = 48


def rng(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("d", [1, 2, 5, 16])
def test_a_cube_spans_so_many_dimensions_and_is_moved_by_an_isometry(d: int) -> None:
    points = clouds.linear(d, 200, AMBIENT, rng())
    assert (points.shape, points.dtype) == ((200, AMBIENT), torch.float32)
    assert int(torch.linalg.matrix_rank(points.double(), rtol=1e-5)) == d
    flat = torch.rand(200, d, generator=rng())  # what it drew first
    torch.testing.assert_close(torch.cdist(points, points), torch.cdist(flat, flat), atol=2e-3, rtol=0)


def test_isometries_have_orthonormal_rows() -> None:
    rows = clouds.isometry(7, 30, rng())
    torch.testing.assert_close(rows @ rows.T, torch.eye(7), atol=1e-5, rtol=0)


@pytest.mark.parametrize("d", [1, 2, 8])
def test_a_sphere_has_one_radius_and_one_more_dimension_around_it(d: int) -> None:
    points = clouds.sphere(d, 300, AMBIENT, rng())
    torch.testing.assert_close(points.norm(dim=1), torch.ones(300))
    assert int(torch.linalg.matrix_rank(points.double(), rtol=1e-5)) == d + 1


@pytest.mark.parametrize("d", [1, 2, 6])
def test_waves_are_a_graph_over_a_sphere(d: int) -> None:
    points = clouds.waves(d, 300, AMBIENT, rng()).double()
    assert int(torch.linalg.matrix_rank(points, rtol=1e-5)) == 2 * (d + 1)  # curved: they fill more than d
    sphere = torch.nn.functional.normalize(torch.randn(300, d + 1, generator=rng()), dim=1).double()
    # Any linear map that undoes the isometry shows the sphere again: the points determine it, and it them.
    back = torch.linalg.lstsq(points, sphere).solution
    torch.testing.assert_close(points @ back, sphere, atol=1e-4, rtol=0)


@pytest.mark.parametrize("d", [2, 4, 16, 64])
@pytest.mark.parametrize("shape", [(1, 16), (3, 32)], ids=str)
def test_a_decoder_is_locally_of_as_many_dimensions_as_it_has_free_coordinates(d: int, shape: tuple[int, int]) -> None:
    decoder = Decoder.drawn(*shape, rng())
    exact = Decoder(decoder.first.double(), tuple(kernel.double() for kernel in decoder.kernels))
    start = clouds.latents(d, 1, rng(1), most=clouds.LATENT, scale=0.5)[0, -d:].double()

    steps = torch.cat([start + 1e-6 * sign * torch.eye(d, dtype=torch.float64) for sign in (1, -1)])
    ends = exact(torch.nn.functional.pad(steps, (clouds.LATENT - d, 0))).flatten(1)
    assert int(torch.linalg.matrix_rank(ends[:d] - ends[d:], rtol=1e-6)) == d


def test_decoded_images() -> None:
    decoder = Decoder.drawn(3, 32, rng())
    images = clouds.decoded(decoder, 4, 30, rng(1))
    assert images.shape == (30, 3, 32, 32)
    assert 0 <= float(images.min()) < 0.3
    assert 0.7 < float(images.max()) <= 1
    again = clouds.latents(4, 30, rng(1), most=clouds.LATENT, scale=0.5)
    torch.testing.assert_close(decoder(again), images)  # the draw is that of the latents alone


def test_latents_are_as_long_whatever_their_dimension_and_their_first_entries_are_zero() -> None:
    for d in (1, 4, 64):
        drawn = clouds.latents(d, 4000, rng(), most=64, scale=1.0)
        assert drawn.shape == (4000, 64)
        assert not drawn[:, : 64 - d].any()
        assert float(drawn.abs().max()) <= 2 * (64 / d) ** 0.5
        # Cut off at 2, a normal keeps 0.774 of its variance.
        assert float(drawn.square().sum(1).mean()) == pytest.approx(64 * 0.774, rel=0.05)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_a_figure_moves_in_as_many_ways_as_it_has_free_factors(k: int) -> None:
    figure = torch.zeros(1, 64, 64)
    figure[0, 16:48, 20:28] = figure[0, 40:48, 20:44] = 1  # an L
    factors = clouds.drawn_factors(k, 20, rng())
    assert not factors[:, k:].any()
    steps = torch.cat([factors[:1, :k] + 1e-2 * sign * torch.eye(k) for sign in (1, -1)])
    steps = torch.nn.functional.pad(steps, (0, 4 - k))
    ends = clouds.moved(figure, steps, 16).flatten(1).double()
    assert int(torch.linalg.matrix_rank(ends[:k] - ends[k:], rtol=1e-2)) == k
    assert clouds.moved(figure, factors, 16).shape == (20, 1, 16, 16)


def test_a_figure_that_nothing_moves_is_the_figure() -> None:
    figure = torch.rand(3, 4, 4, generator=rng()).repeat_interleave(16, 1).repeat_interleave(16, 2)
    still = clouds.moved(figure, torch.zeros(1, 4), 4)
    assert float((still[0] - figure[:, 8::16, 8::16]).abs().mean()) < 0.2
    right = clouds.moved(figure, torch.tensor([[0.5, 0, 0, 0]]), 4)  # a quarter of its width
    torch.testing.assert_close(right[0, :, :, :2], still[0, :, :, 1:3], atol=0.02, rtol=0)


def test_noise_takes_the_same_places_in_all_images_and_leaves_the_others() -> None:
    images = torch.full((500, 1, 4, 4), 0.25)
    noisy = clouds.noised(images, 5, rng())
    changed = (noisy != images).any(0)
    assert int(changed.sum()) == 5
    values = noisy[:, changed]
    assert (float(values.mean()), float(values.var())) == pytest.approx((1 / 2, 1 / 12), abs=0.02)
    assert not (images != 0.25).any()  # the cloud it came from is another


@pytest.mark.parametrize("make", [clouds.linear, clouds.sphere, clouds.waves])
def test_generators_decide_all(make: Callable[[int, int, int, Generator], Tensor]) -> None:
    one, again, other = (make(3, 20, AMBIENT, rng(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
