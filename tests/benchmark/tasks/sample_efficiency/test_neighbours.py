"""Nearest neighbours against scikit-learn's brute force in float64, on clouds that are easy, tied, tight or tiny."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from benchmark.errors import DataError, UsageError
from benchmark.seeding import generator
from benchmark.tasks.sample_efficiency import neighbours
from benchmark.tasks.sample_efficiency.neighbours import Nearest, distinct, nearest, shared
from benchmark.tasks.sample_efficiency.smallest import Smallest

EPS = float(np.finfo(np.float32).eps)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(0, "neighbours", *shape))


def clustered(width: float = 1e-4) -> Tensor:
    """A cluster at a distance of 1e3 from the origin, of more points than there are candidates, and others spread."""
    far = (1e3 / 30**0.5 + width * normal(40, 30).double()).to(torch.float32 if width > 1e-5 else torch.float64)
    return torch.cat([far, normal(300, 30)])


def duplicated() -> Tensor:
    points = normal(150, 8)
    return torch.cat([points, points[:90], points[:30]])


def tied() -> Tensor:
    """Images of ones and zeros: squared distances are whole numbers, few of them different."""
    return (normal(400, 64) > 0.5).float()


def corners() -> Tensor:
    """All as far from each other."""
    return torch.eye(70)


CLOUDS: dict[str, Callable[[], Tensor]] = {
    "normal": lambda: normal(500, 20),
    "a line": lambda: normal(300, 1),
    "far from the origin": lambda: normal(300, 6) + 1e4,
    "float64, far": lambda: normal(300, 6).double() * 1e-6 + 1e6,
    "huge": lambda: normal(200, 5) * 1e30,
    "minute": lambda: normal(200, 5) * 1e-30,
    "bytes": lambda: (normal(200, 30) * 50 + 100).clamp(0, 255).to(torch.uint8),
    "clustered": clustered,
    "tight, float64": lambda: clustered(1e-7),
    "duplicated": duplicated,
    "tied": tied,
    "corners": corners,
    "constant": lambda: torch.full((60, 4), 0.3),
    "two": lambda: normal(2, 3),
    "few": lambda: normal(9, 3),
}


def brute(points: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances (n, k) by differences in float64, and all of them (n, n)."""
    rows = points.double().numpy()
    every = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(2))
    others = np.where(np.eye(len(rows), dtype=bool), np.inf, every)
    return np.sort(others, axis=1)[:, :k], every


def check(points: Tensor, found: Nearest, k: int) -> None:
    """The k smallest distances, each to the point it is said to be to.

    Found by differences that are rounded to float32, and rounded again: three roundings of half an eps, and one eps for
    the order of what differs by less.
    """
    wanted, every = brute(points, k)
    rows = np.arange(len(points))[:, None]
    columns = found.indices.numpy()
    assert found.distances.shape == found.indices.shape == (len(points), k)
    assert (found.distances.dtype, found.indices.dtype) == (torch.float32, torch.int64)
    np.testing.assert_allclose(found.distances.numpy(), wanted, rtol=2.5 * EPS)
    np.testing.assert_allclose(found.distances.numpy(), every[rows, columns], rtol=2.5 * EPS)
    assert (columns != rows).all()
    assert all(len(set(row)) == k for row in columns.tolist())
    assert bool((found.distances.diff(dim=1) >= 0).all())


@pytest.mark.parametrize("block", [32, 96, 4096])
@pytest.mark.parametrize("cloud", CLOUDS)
def test_against_all_differences(cloud: str, block: int) -> None:
    points = CLOUDS[cloud]()
    before = points.clone()
    for k in {1, min(20, len(points) - 1), min(60, len(points) - 1)}:
        check(points, nearest(points, k, block=block), k)
    assert torch.equal(points, before)


def test_against_scikit_learn() -> None:
    points = normal(1500, 50)
    found = nearest(points, 12, block=512)
    search = NearestNeighbors(n_neighbors=13, algorithm="kd_tree").fit(points.double().numpy())
    distances, indices = search.kneighbors(points.double().numpy())
    np.testing.assert_allclose(found.distances.numpy(), distances[:, 1:], rtol=2.5 * EPS)
    assert (found.indices.numpy() == indices[:, 1:]).mean() > 0.999


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many rows each step was asked for."""
    counts = {"double": 0, "differences": 0}

    def counted(step: str, name: str) -> None:
        method = getattr(neighbours._Search, name)

        def counting(self: neighbours._Search, rows: Tensor) -> tuple[Tensor, Tensor]:
            counts[step] += len(rows)
            return method(self, rows)

        monkeypatch.setattr(neighbours._Search, name, counting)

    counted("double", "_by_double_products")
    counted("differences", "_by_differences")
    return counts


@pytest.mark.parametrize(
    ("cloud", "double", "differences"),
    [
        ("normal", (0, 0), (0, 0)),
        ("tied", (1, 400), (0, 0)),
        ("clustered", (40, 40), (0, 0)),
        ("tight, float64", (40, 40), (40, 40)),
    ],
)
def test_each_step_does_what_the_one_before_cannot(
    cloud: str, double: tuple[int, int], differences: tuple[int, int], steps: dict[str, int]
) -> None:
    nearest(CLOUDS[cloud](), 5)
    assert double[0] <= steps["double"] <= double[1]
    assert differences[0] <= steps["differences"] <= differences[1]


def test_smallest_of_rows_in_blocks() -> None:
    matrix = normal(160, 256)
    found = Smallest(160, 7, dtype=torch.float32, device=torch.device("cpu"))
    for row in range(0, 160, 64):
        for column in range(0, 256, 128):
            block = matrix[row : row + 64, column : column + 128]
            found.look(block.mT.contiguous().mT if column else block.contiguous(), row=row, column=column)
    wanted = matrix.topk(7, largest=False)
    assert torch.equal(found.values, wanted.values)
    assert torch.equal(found.columns, wanted.indices)


def test_one_search_for_all_who_share(monkeypatch: pytest.MonkeyPatch) -> None:
    points, asked = normal(100, 3), []
    monkeypatch.setattr(neighbours, "_check", lambda points, k: asked.append(k))
    searches = []
    run = neighbours._Search.run
    monkeypatch.setattr(neighbours._Search, "run", lambda self: (searches.append(self._k), run(self))[1])
    with shared():
        long, short = nearest(points, 9), nearest(points, 4)
        assert torch.equal(long.distances[:, :4], short.distances)
        nearest(points, 10)
        nearest(points.clone(), 4)
        points += normal(100, 3)
        nearest(points, 4)
    nearest(points, 4)
    assert searches == [9, 10, 4, 4, 4]
    assert len(asked) == 6


def test_full_precision_whatever_is_set_and_that_setting_back() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        points = normal(500, 20)
        check(points, nearest(points, 5), 5)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_distinct_rows_in_their_order() -> None:
    points = torch.tensor([[1.0, 0.0], [2.0, 1.0], [1.0, -0.0], [0.0, 1.0], [2.0, 1.0]])
    assert distinct(points).tolist() == [[1.0, 0.0], [2.0, 1.0], [0.0, 1.0]]
    images = duplicated()
    assert torch.equal(distinct(images), images[:150])
    assert distinct(torch.zeros(5, 3, dtype=torch.uint8)).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("points", "k", "error", "said"),
    [
        (torch.zeros(5, 2), 5, UsageError, "k = 5 neighbours are asked for, of 5 points"),
        (torch.zeros(5, 2), 0, UsageError, "k = 0 neighbours"),
        (torch.zeros(5), 1, UsageError, r"of shape \(5,\); give real numbers \(n, D\)"),
        (torch.zeros(5, 0), 1, UsageError, r"of shape \(5, 0\)"),
        (torch.zeros(5, 2, dtype=torch.complex64), 1, UsageError, "torch.complex64"),
        (torch.tensor([[0.0], [1.0], [float("nan")]]), 1, DataError, "1 of 3 points hold NaN or infinity; remove"),
        (torch.tensor([[0.0], [1.0], [float("-inf")]]), 1, DataError, "1 of 3 points"),
        (torch.tensor([[-3e38], [3e38]]), 1, DataError, "too large for float32; scale the points down"),
    ],
)
def test_what_cannot_be(points: Tensor, k: int, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        nearest(points, k)
