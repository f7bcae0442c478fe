"""Methods of `sample_efficiency.intrinsic_dimension`, against loops over single points and on clouds of known
dimension."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from benchmark import plugins
from benchmark.errors import DataError, HeptathlonError
from benchmark.seeding import generator
from benchmark.tasks.sample_efficiency import intrinsic_dimension
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup

plugins.load_methods()

KS = (3, 5, 10, 20)
SETUP = EstimatorSetup(0, "sample_efficiency.intrinsic_dimension", "cpu", neighbours=KS)
NAMES = (
    *("mle", "mle-released", "geomle", "two-nn", "two-nn-trimmed"),
    *("correlation-dimension", "knn-graph", "pca"),
)  # fmt: skip


def cube(dimension: int, *, points: int, coordinates: int = 16) -> Tensor:
    """Uniform in a cube that is turned into so many coordinates, all its edges of length 1."""
    rng = generator(0, "cube", dimension, points)
    frame = torch.linalg.qr(torch.randn(coordinates, dimension, generator=rng)).Q
    return torch.rand(points, dimension, generator=rng) @ frame.T


def estimate(name: str, points: Tensor, *, setup: EstimatorSetup = SETUP, **words: Any) -> list[float]:
    before = points.clone()
    found = intrinsic_dimension.track.classes[name](setup, **words).estimate(points)
    assert torch.equal(points, before)
    assert (found.shape, found.dtype, found.device.type) == ((len(setup.neighbours),), torch.float32, "cpu")
    assert bool(found.isfinite().all())
    return list(found.tolist())


def distances(points: Tensor, k: int) -> NDArray[np.float64]:
    """To the k nearest others of each point, by scikit-learn in float64."""
    rows = points.double().numpy()
    found = NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(rows).kneighbors(rows)[0]
    return np.asarray(found[:, 1:])


def test_these_are_all() -> None:
    assert set(NAMES) == {*intrinsic_dimension.track.entries}


class TestFormulas:
    @pytest.mark.parametrize(("name", "less"), [("mle", 1), ("mle-released", 2)])
    def test_maximum_likelihood(self, name: str, less: int) -> None:
        points = cube(3, points=200)
        rows = distances(points, 20)
        wanted = []
        for k in KS:
            inverses = [sum(math.log(row[k - 1] / row[j]) for j in range(k - 1)) / (k - less) for row in rows]
            wanted.append(1 / (sum(inverses) / len(inverses)))
        assert estimate(name, points) == pytest.approx(wanted, rel=1e-5)

    @pytest.mark.parametrize(("name", "kept"), [("two-nn", 149), ("two-nn-trimmed", 135)])
    def test_two_nearest_neighbours(self, name: str, kept: int) -> None:
        points = cube(3, points=150)
        ratios = sorted(second / first for first, second in distances(points, 2))
        x = [math.log(ratio) for ratio in ratios[:kept]]
        y = [-math.log(1 - i / 150) for i in range(1, kept + 1)]
        slope = np.linalg.lstsq(np.array(x)[:, None], np.array(y), rcond=None)[0][0]
        assert estimate(name, points) == pytest.approx([slope] * 4, rel=1e-5)

    def test_geomle(self) -> None:
        """Each bootstrap searched by itself, each point's regression by scikit-learn."""
        points = cube(3, points=90)
        rng, most = SETUP.generator("bootstraps", 90), 22
        fewest = 5
        values: list[list[list[tuple[float, float]]]] = [[[] for _ in range(fewest, most + 1)] for _ in range(90)]
        for _ in range(20):
            members = np.unique(torch.randint(90, (90,), generator=rng).numpy())
            search = NearestNeighbors(n_neighbors=most + 1).fit(points.double().numpy()[members])
            for index, row in enumerate(search.kneighbors(points.double().numpy())[0]):
                own = row[1:] if index in members else row[:-1]
                for k in range(fewest, most + 1):
                    total = sum(math.log(own[k - 1] / own[j]) for j in range(k - 1))
                    values[index][k - fewest].append(((k - 2) / total, own[k - 1]))
        ends = []
        for each in values:
            means = np.array([np.mean(some, axis=0) for some in each])
            spreads = np.array([np.std([m for m, _ in some], ddof=1) for some in each])
            features = np.stack([means[:, 1], means[:, 1] ** 2], axis=1)
            ends.append(Ridge(alpha=5e-3).fit(features, means[:, 0], 1 / spreads).intercept_)
        assert estimate("geomle", points) == pytest.approx([float(np.mean(ends))] * 4, rel=1e-4)

    def test_geomle_where_the_list_runs_short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Too short a first list gives the same in the end."""
        points = cube(3, points=300)
        wanted = estimate("geomle", points)
        module = intrinsic_dimension.track.classes["geomle"].estimate.__globals__
        monkeypatch.setitem(module, "_DRAWN", 0.999)
        assert estimate("geomle", points) == wanted

    def test_correlation(self) -> None:
        points = cube(2, points=120)
        rows = points.double().numpy()
        apart = sorted(float(np.linalg.norm(a - b)) for i, a in enumerate(rows) for b in rows[:i])
        counts = sorted({max(1, round(10 * 10 ** (step / 19))) for step in range(20)})  # 1 % of 7140 are fewer than 100
        radii = [apart[count - 1] for count in counts]
        slope = np.polyfit(np.log(radii), np.log(counts), 1)[0]
        assert estimate("correlation-dimension", points) == pytest.approx([slope] * 4, rel=1e-4)

    def test_lengths_of_paths(self) -> None:
        """Against Floyd's algorithm."""
        points = cube(2, points=40)
        wanted = np.full((40, 40), np.inf)
        found = NearestNeighbors(n_neighbors=4).fit(points.double().numpy()).kneighbors(points.double().numpy())
        for start, (lengths, ends) in enumerate(zip(*found, strict=True)):
            for length, end in zip(lengths[1:], ends[1:], strict=True):
                wanted[start, end] = wanted[end, start] = length
        for over in range(40):
            wanted = np.minimum(wanted, wanted[:, over, None] + wanted[None, over])
        method = intrinsic_dimension.track.classes["knn-graph"](SETUP)
        part = np.flatnonzero(np.isfinite(wanted).sum(1) > 20)
        upper = wanted[np.ix_(part, part)][np.triu_indices(len(part), 1)]
        np.testing.assert_allclose(method._lengths(points), upper, rtol=1e-5)

    @pytest.mark.parametrize("dimension", [2, 5, 9])
    def test_lengths_as_on_a_sphere(self, dimension: int) -> None:
        """Lengths drawn from the curve that is fitted: the density sin(x)^(D - 1) of angles on a sphere."""
        fitted = intrinsic_dimension.track.classes["knn-graph"].estimate.__globals__["_fitted"]
        angles = np.linspace(0, np.pi, 20_001)
        density = np.sin(angles) ** (dimension - 1)
        uniform = (np.arange(200_000) + 0.5) / 200_000
        lengths = np.interp(uniform, np.cumsum(density) / density.sum(), angles)
        assert fitted(lengths, 50) == pytest.approx(dimension, abs=0.5)

    def test_principal_components(self) -> None:
        points = torch.randn(400, 6, generator=generator(0, "pca")) * torch.tensor([4.0, 4, 4, 1, 1, 0.1]) + 1000
        values = np.linalg.svd(points.double().numpy() - points.double().numpy().mean(0), compute_uv=False) ** 2
        held = np.cumsum(values) / values.sum()
        assert estimate("pca", points) == [float(np.argmax(held >= 0.95) + 1)] * 4 == [3.0] * 4
        assert estimate("pca", points[:4])[0] <= 3


class TestKnownDimension:
    @pytest.mark.parametrize(("dimension", "within"), [(2, 0.05), (4, 0.10), (8, 0.20)])
    def test_cube(self, dimension: int, within: float) -> None:
        """In eight dimensions most of the cube is near an edge, beyond which neighbours are missing."""
        found = estimate("mle", cube(dimension, points=2000))
        assert found == pytest.approx([dimension] * 4, rel=within)

    @pytest.mark.parametrize("dimension", [2, 4])
    @pytest.mark.parametrize("name", NAMES)
    def test_every_other(self, name: str, dimension: int) -> None:
        found = estimate(name, cube(dimension, points=2000))
        if name == "mle-released":
            found = [value * (k - 1) / (k - 2) for value, k in zip(found, KS, strict=True)]
        whole = 1.0 if name == "knn-graph" else 0.0
        assert found == pytest.approx([dimension] * 4, abs=max(whole, 0.15 * dimension))

    def test_geomle_of_a_cube_of_eight(self) -> None:
        assert estimate("geomle", cube(8, points=2000))[0] == pytest.approx(8, rel=0.10)

    def test_the_released_factor_is_exact(self) -> None:
        points = cube(4, points=300)
        ratios = np.array(estimate("mle-released", points)) / np.array(estimate("mle", points))
        assert ratios == pytest.approx([(k - 2) / (k - 1) for k in KS], rel=1e-6)

    def test_near_duplicates(self) -> None:
        """One point in twenty of a cube of four dimensions with another right beside it.

        Those trimmed, the others are 95 % of all points, and their F is taken for 95 % of what it is. Were all of the
        tenth that is trimmed such points, the largest ratios of the others would be left in, with too small an F.
        """
        points = cube(4, points=1950)
        both = torch.cat([points, points[:50] + 1e-5 * cube(4, points=50)])
        assert estimate("two-nn", points)[0] == pytest.approx(4, rel=0.10)
        assert estimate("two-nn", both)[0] < 1
        assert estimate("two-nn-trimmed", both)[0] == pytest.approx(4, rel=0.20)


@pytest.mark.parametrize("name", NAMES)
class TestEvery:
    def test_scale_and_rotation_change_nothing(self, name: str) -> None:
        points = cube(3, points=400)
        turn = torch.linalg.qr(torch.randn(16, 16, generator=generator(0, "turn"))).Q
        wanted = estimate(name, points)
        assert estimate(name, points @ turn) == pytest.approx(wanted, rel=1e-3)
        if name != "geomle":  # whose penalty is in the unit of the points
            assert estimate(name, 1000 * points) == pytest.approx(wanted, rel=1e-3)
            assert estimate(name, 2.0**-10 * points) == pytest.approx(wanted, rel=1e-3)

    def test_one_seed_gives_one_answer(self, name: str) -> None:
        points = cube(3, points=1500)
        assert estimate(name, points) == estimate(name, points)

    def test_one_coordinate(self, name: str) -> None:
        points = torch.rand(300, 1, generator=generator(0, "line"))
        found = estimate(name, points)
        if name == "mle-released":
            found = [value * (k - 1) / (k - 2) for value, k in zip(found, KS, strict=True)]
        assert found == pytest.approx([1] * 4, rel=0.15)

    def test_barely_enough_points(self, name: str) -> None:
        """Bootstraps need more than the 21 that a list of 20 neighbours needs."""
        points = cube(2, points=21)
        if name == "geomle":
            with pytest.raises(DataError, match="21 points are too few for bootstraps of them; give more points"):
                estimate(name, points)
        else:
            assert all(0 < value < 5 for value in estimate(name, points))

    def test_all_as_far_from_each_other(self, name: str) -> None:
        points = torch.eye(60)
        if name == "pca":
            assert estimate(name, points) == [57.0] * 4
            return
        with pytest.raises(DataError, match=r"equally far|give more points|falls apart"):
            estimate(name, points)

    def test_near_duplicates_dominate(self, name: str) -> None:
        """Pairs 1e-6 apart: an answer, if not a good one."""
        points = cube(4, points=200)
        both = torch.cat([points, points + 1e-6 * torch.randn(200, 16, generator=generator(0, "near"))])
        assert all(0 < value <= 16 for value in estimate(name, both))

    def test_two_clouds_far_apart(self, name: str) -> None:
        """Of the same dimension. A graph takes the larger one, or has none where they are alike."""
        near, far = cube(2, points=200), 1000 + cube(2, points=200)
        if name == "knn-graph":
            assert estimate(name, torch.cat([near, far[:150]])) == [2.0] * 4
            with pytest.raises(DataError, match="falls apart: its largest part has 200 of 400 points"):
                estimate(name, torch.cat([near, far]))
        else:
            assert all(0 < value < 5 for value in estimate(name, torch.cat([near, far])))

    def test_equal_points(self, name: str) -> None:
        """The harness drops them; an estimator that meets some says so."""
        points = torch.ones(60, 3)
        with pytest.raises(HeptathlonError, match="equal"):
            estimate(name, points)
