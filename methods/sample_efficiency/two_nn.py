"""TwoNN. Facco, d'Errico, Rodriguez, Laio: Estimating the intrinsic dimension of datasets by a minimal neighborhood
information, Scientific Reports 7, 2017, doi:10.1038/s41598-017-11873-y.

The ratio mu of the distances to the second and to the first neighbour follows F(mu) = 1 - mu^-d, wherever density
changes little within two neighbours: -ln(1 - F) against ln mu is a line through the origin of slope d.
Claim: right where density varies. Near duplicates have huge ratios and pull the slope down, which trimming mends.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.errors import DataError
from benchmark.tasks.sample_efficiency import intrinsic_dimension
from benchmark.tasks.sample_efficiency.dimension_sizes import BESIDE_QUICK
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup
from benchmark.tasks.sample_efficiency.neighbours import nearest


@intrinsic_dimension.track.method("two-nn", paper="doi:10.1038/s41598-017-11873-y", role="baseline", tiers=BESIDE_QUICK)
class TwoNearestNeighbours:
    """kept: share of the points with the smallest ratios that the line is fitted to; the largest ratio, for which
    1 - F = 0, is left out in any case, and here alone, as in the code released with arXiv:2104.08894."""

    def __init__(self, setup: EstimatorSetup, *, kept: float = 1.0) -> None:
        self._answers = len(setup.neighbours)
        self._kept = kept

    def estimate(self, points: Tensor) -> Tensor:
        """See `Estimator.estimate`."""
        distances = nearest(points, 2).distances.cpu().double()
        if not bool((distances[:, 0] > 0).all()):
            raise DataError("no ratio of distances, as there are equal points; drop them")
        count = len(points)
        kept = min(int(self._kept * count), count - 1)
        x = (distances[:, 1] / distances[:, 0]).log().sort().values[:kept]
        y = -torch.log1p(-torch.arange(1, kept + 1, dtype=torch.float64) / count)
        if not float(x.square().sum()) > 0:
            raise DataError("no finite dimension: each point's two nearest neighbours are equally far from it")
        return (x.dot(y) / x.dot(x)).float().expand(self._answers).clone()


@intrinsic_dimension.track.method("two-nn-trimmed", paper="doi:10.1038/s41598-017-11873-y", role="baseline")
class TrimmedTwoNearestNeighbours(TwoNearestNeighbours):
    """Without the tenth of the points that have the largest ratios, as the paper recommends."""

    def __init__(self, setup: EstimatorSetup, *, kept: float = 0.9) -> None:
        super().__init__(setup, kept=kept)
