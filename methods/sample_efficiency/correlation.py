"""Correlation dimension. Grassberger & Procaccia 1983, "Measuring the strangeness of strange attractors", Physica D 9.

C(r), the share of pairs of points closer than r, grows as r^d for small r: d is the slope of log C against log r.
Claim: right for a handful of dimensions; n points show no more than about 2 log10 n of them (Eckmann & Ruelle 1992,
"Fundamental limitations for estimating dimensions and Lyapunov exponents in dynamical systems").
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.errors import DataError
from benchmark.tasks.sample_efficiency import intrinsic_dimension
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup

_FEWEST = 100
"""Pairs, where a larger share would be needed to have so many."""
_RADII = 20


@intrinsic_dimension.track.method("correlation-dimension", paper="Grassberger & Procaccia 1983", role="baseline")
class CorrelationDimension:
    """The line is fitted at 20 radii within which lie from a tenth of `share` of all pairs to `share` of them, equally
    far apart on the logarithmic scale of C.

    share: of all pairs; small, as C bends at the edges of a cloud, but at least 100 pairs, or all;  most: points, of
    more a choice by the setup's seed
    """

    def __init__(self, setup: EstimatorSetup, *, share: float = 0.01, most: int = 3000) -> None:
        self._setup = setup
        self._share = share
        self._most = most

    def estimate(self, points: Tensor) -> Tensor:
        """See `Estimator.estimate`."""
        if len(points) > self._most:
            order = torch.randperm(len(points), generator=self._setup.generator("correlation", len(points)))
            points = points[order[: self._most].to(points.device)]
        distances = torch.pdist(points).cpu().double()
        pairs = len(distances)
        last = max(int(self._share * pairs), min(_FEWEST, pairs))
        counts = torch.logspace(0, 1, _RADII, dtype=torch.float64).mul(last / 10).round().clamp_min(1).long().unique()
        radii = distances.topk(last, largest=False).values[counts - 1]
        if not float(radii[0]) > 0:
            raise DataError("no slope at the distance 0 of equal points; drop them")
        x, y = radii.log(), counts.double().log()
        x -= x.mean()
        if not float(x.square().sum()) > 0:
            raise DataError(f"no finite dimension: the {last} nearest pairs are equally far apart")
        return (x.dot(y) / x.dot(x)).float().repeat(len(self._setup.neighbours))
