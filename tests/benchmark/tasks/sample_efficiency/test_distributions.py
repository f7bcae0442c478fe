"""Distributions: labels are what they are said to be, and scales are alike."""

from __future__ import annotations

import pytest
import torch

from benchmark.tasks.sample_efficiency import distributions


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_halves_are_labelled_by_their_energy() -> None:
    drawn = distributions.halves(10, 500, rng())
    assert drawn.inputs.shape == (500, 2, 1, 5)
    first, second = (drawn.inputs[:, channel].square().sum((1, 2)) for channel in (0, 1))
    assert torch.equal(drawn.labels, (first > second).long())
    assert 0.4 < float(drawn.labels.double().mean()) < 0.6  # 500 fair coins are within 0.1 of a half, by 4 sigma


@pytest.mark.parametrize("name", sorted(distributions.WHOLE))
def test_all_inputs_are_different_balanced_and_what_is_drawn(name: str) -> None:
    whole = distributions.WHOLE[name](12)
    assert whole.inputs.shape == (24, 1, 1, 12)
    assert len(torch.unique(torch.cat([whole.inputs.flatten(1)]), dim=0)) == 24
    assert int(whole.labels.sum()) == 12
    assert float(whole.inputs.square().mean()) == pytest.approx(1)
    drawn = distributions.DRAWN[name](12, 400, rng())
    known = {tuple(row): int(label) for row, label in zip(whole.inputs.flatten(1).tolist(), whole.labels, strict=True)}
    rows = drawn.inputs.flatten(1).tolist()
    assert [known[tuple(row)] for row in rows] == drawn.labels.tolist()
    assert len({tuple(row) for row in rows}) == 24  # one of 24 is missed by 400 draws in 1 of a million runs


def test_signs_are_signs_and_pairs_are_neighbours_or_next_but_one() -> None:
    signs = distributions.all_signs(6)
    assert torch.equal(signs.labels, (signs.inputs.flatten(1).sum(1) > 0).long())
    pairs = distributions.all_pairs(6)
    for row, label in zip(pairs.inputs.flatten(1), pairs.labels, strict=True):
        first, second = row.nonzero().flatten().tolist()
        assert min(second - first, 6 - (second - first)) == 1 + int(label)


def test_tiles_lie_whole_inside_the_canvas_wherever_there_is_room() -> None:
    tiles = torch.rand(300, 1, 3, 3, generator=rng())
    drawn = distributions.canvases(tiles, torch.zeros(300, dtype=torch.int64), 5, rng(1))
    assert drawn.inputs.shape == (300, 1, 5, 5)
    ground = tiles.flatten(1).median(1).values.view(-1, 1, 1)
    wanted = tiles.squeeze(1) - ground
    factor = drawn.inputs.abs().amax() / wanted.abs().amax()
    places = set()
    for canvas, tile in zip(drawn.inputs.squeeze(1) / factor, wanted, strict=True):
        found = [
            (row, column)
            for row in range(3)
            for column in range(3)
            if torch.allclose(canvas[row : row + 3, column : column + 3], tile, atol=1e-6)
        ]
        assert float(canvas.abs().sum()) == pytest.approx(float(tile.abs().sum()), rel=1e-4)  # and nothing beside it
        places.add(found[0])
    assert len(places) == 9
    assert float(drawn.inputs.square().mean()) == pytest.approx(1, rel=1e-4)


def test_energies_are_those_of_red_and_green_and_blue_says_nothing() -> None:
    images = torch.rand(200, 3, 8, 8, generator=rng())
    found = distributions.energies(images, 4)
    assert found.inputs.shape == (200, 3, 4, 4)
    norms = found.inputs.square().sum((2, 3))
    assert torch.equal(found.labels, (norms[:, 0] > norms[:, 1]).long())
    other = images.clone()
    other[:, 2] = 0
    assert torch.equal(distributions.energies(other, 4).labels, found.labels)
    own = distributions.energies(images, 8).inputs
    assert torch.allclose(own / own[0, 0, 0, 0], images / images[0, 0, 0, 0], rtol=1e-4)  # one factor for all


def test_black_images_are_no_division_by_zero() -> None:
    assert bool(distributions.energies(torch.zeros(2, 3, 4, 4), 2).inputs.isfinite().all())
    flat = distributions.canvases(torch.full((2, 1, 2, 2), 0.5), torch.zeros(2, dtype=torch.int64), 4, rng())
    assert bool((flat.inputs == 0).all())
