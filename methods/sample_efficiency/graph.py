"""Distances along the graph of neighbours. Granata & Carnevale: Accurate estimation of intrinsic dimension using graph
distances: unraveling the geometric complexity of datasets, Scientific Reports 6, 2016, doi:10.1038/srep31377.

Paths along the graph that joins each point to its neighbours follow a curved surface. Around r_max, their most frequent
length, they are as on a sphere of dimension D: ln p(r) - ln p(r_max) = (D - 1) ln sin(pi r / (2 r_max)).
Claim: a thousand points suffice, however curved they lie. Of eight dimensions or more it finds too few with so few.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from torch import Tensor

from benchmark.errors import DataError
from benchmark.tasks.sample_efficiency import intrinsic_dimension
from benchmark.tasks.sample_efficiency.dimension_sizes import BESIDE_QUICK
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup
from benchmark.tasks.sample_efficiency.neighbours import nearest

Array = NDArray[np.float64]
_LEAST = 4
"""Bins to fit to; where no histogram has so many, any do, as the curve has one parameter."""
_FINER = 4
"""Times that bins are halved, at most, where too few hold lengths: a few short paths stretch a histogram."""


@intrinsic_dimension.track.method("knn-graph", paper="doi:10.1038/srep31377", role="baseline", tiers=BESIDE_QUICK)
class GraphDistances:
    """The answer is D_min, the whole number of dimensions whose curve is nearest to the histogram of lengths between
    r_max - 2 sigma and r_max, both fitted in two steps as in the released code. Only the largest connected part of the
    graph counts. Where it would hold half of the points or less, as along a line, points are joined to more neighbours.

    degree: neighbours that each point is joined to at least, 3 as the authors have it;  bins: of the histogram, at
    least;  most: points; of more, a choice by the setup's seed; 1,000 as in the code released with arXiv:2104.08894
    """

    def __init__(self, setup: EstimatorSetup, *, degree: int = 3, bins: int = 50, most: int = 1000) -> None:
        self._setup = setup
        self._degree = degree
        self._bins = bins
        self._most = most

    def estimate(self, points: Tensor) -> Tensor:
        """See `Estimator.estimate`."""
        if len(points) > self._most:
            order = torch.randperm(len(points), generator=self._setup.generator("graph", len(points)))
            points = points[order[: self._most].to(points.device)]
        lengths = self._lengths(points)
        tries = [(self._bins * 2**finer, _LEAST) for finer in range(_FINER)] + [(self._bins, 1)]
        fits = (_fitted(lengths, bins, least) for bins, least in tries)
        dimension = next((fit for fit in fits if fit is not None), None)
        if dimension is None:
            raise DataError(
                f"{len(lengths)} lengths of paths make no histogram to fit, as too few bins around its peak hold any; "
                "give more points, whose distances differ"
            )
        answer = min(max(1, round(dimension)), points.shape[1])
        return torch.full((len(self._setup.neighbours),), float(answer))

    def _lengths(self, points: Tensor) -> Array:
        """Of the shortest paths between all pairs in the largest connected part, (pairs,)."""
        most = min(8 * self._degree, len(points) - 1)
        found = nearest(points, most)
        edges, ends = found.distances.cpu().double().numpy(), found.indices.cpu().numpy()
        if not (edges > 0).all():
            raise DataError("no graph of equal points; drop them")
        if edges.max() <= edges.min() * (1 + 1e-6):
            raise DataError("no dimension: all neighbours are equally far; give points whose distances differ")
        for degree in range(min(self._degree, most), most + 1):
            starts = np.arange(len(points)).repeat(degree)
            own = (edges[:, :degree].ravel(), (starts, ends[:, :degree].ravel()))
            graph = csr_matrix(own, shape=(len(points), len(points)))
            _, part = connected_components(graph, directed=False)
            inside = np.flatnonzero(part == np.bincount(part).argmax())
            if 2 * len(inside) > len(points):
                break
        else:
            raise DataError(
                f"the graph of {most} neighbours falls apart: its largest part has {len(inside)} of {len(points)} "
                "points; give points of one cloud, or raise its degree"
            )
        paths = dijkstra(graph[inside][:, inside], directed=False)
        lengths: Array = paths[np.triu_indices(len(inside), 1)]
        return lengths


def _fitted(lengths: Array, bins: int, least: int = _LEAST) -> float | None:
    """The dimension, not rounded, None where fewer bins than `least` left of the peak hold lengths, or few at all."""
    counts, bounds = np.histogram(lengths, bins)
    width = float(bounds[1] - bounds[0])
    middles, there = (bounds[:-1] + bounds[1:]) / 2, counts > 0
    peak, spread = float(middles[counts.argmax()]), float(lengths.std())
    if there.sum() >= _LEAST and counts.argmax() < _LEAST:
        return 1.0  # most frequent are the shortest lengths: so it is along a line, and along nothing else

    def parabola(low: float, high: float) -> tuple[float, float, float]:
        """Vertex, sigma and height of the parabola through the logarithms between, sigma infinite for one that opens
        upward."""
        some = there & (middles > low) & (middles < high)
        if some.sum() < _LEAST:
            return math.nan, math.inf, math.nan
        a, b, c = np.polyfit(middles[some], np.log(counts[some]), 2)
        return (-b / a / 2, math.sqrt(-1 / a / 2), c - b * b / a / 4) if a < 0 else (math.nan, math.inf, math.nan)

    first = parabola(peak - spread, peak + spread / 2)
    if math.isinf(first[1]) or abs(first[0] - peak) >= spread / 2 + width:
        first = (float(lengths.mean()), spread, math.log(counts.max()))
    second = parabola(first[0] - first[1], first[0] + first[1] / 2 + width)
    steady = math.isfinite(second[1]) and abs(second[0] - first[0]) <= first[1] / 4 + width
    peak, spread, height = second if steady else first
    some = there & (middles > peak - 2 * spread - width / 2) & (middles <= peak + width / 4)
    if some.sum() < least or there.sum() < _LEAST:
        return None
    x, y = np.log(np.sin(np.pi / 2 * middles[some] / peak)), np.log(counts[some]) - height
    return 1 + float(x @ y / (x @ x)) if float(x @ x) > 0 else None
