"""GeoMLE. Gomtsyan, Mokrov, Panov, Yanovich: Geometry-Aware Maximum Likelihood Estimation of Intrinsic Dimension, ACML
2019, arXiv:1904.06151.

Where a surface is curved or unevenly covered, the maximum-likelihood estimate depends on how far neighbours reach: fit
estimates at many numbers of neighbours, averaged over bootstraps, as a polynomial of that radius, and take it at 0.
Claim: closer to the truth than maximum likelihood on curved surfaces of many dimensions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchmark.errors import DataError
from benchmark.tasks.sample_efficiency import intrinsic_dimension
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup
from benchmark.tasks.sample_efficiency.neighbours import nearest

_DRAWN = 1 - math.exp(-1)
"""Share of the points that a bootstrap holds: what is drawn once or more in n draws of n."""
_FEWEST = 24
"""Points: with a quarter of them as neighbours, fewer leave no room for three numbers of neighbours from 3 on."""


@intrinsic_dimension.track.method("geomle", paper="arXiv:1904.06151")
class GeoMLE:
    """As in the authors' code, but for one repetition instead of the mean of ten.

    fewest, most: numbers of neighbours, the code's defaults; of fewer than 160 points at most a quarter, and from a
    quarter of that on, but from 3;  bootstraps: sets of n points drawn with replacement, in which the neighbours of all
    n points are sought;  ridge: penalty on the polynomial's coefficients, for radii in the unit of the points, which
    should be of the order of 1, so that the estimate is not quite free of that unit
    """

    def __init__(
        self, setup: EstimatorSetup, *, fewest: int = 10, most: int = 40, bootstraps: int = 20, ridge: float = 5e-3
    ) -> None:
        self._setup = setup
        self._fewest = fewest
        self._most = most
        self._bootstraps = bootstraps
        self._ridge = ridge

    def estimate(self, points: Tensor) -> Tensor:
        """See `Estimator.estimate`: one value for all numbers of neighbours."""
        count = len(points)
        if count < _FEWEST:
            raise DataError(f"{count} points are too few for bootstraps of them; give more points, at least {_FEWEST}")
        most = min(self._most, count // 4)
        fewest = min(self._fewest, max(3, most // 4))
        rng = self._setup.generator("bootstraps", count)
        members = torch.zeros(self._bootstraps, count, dtype=torch.bool)
        for row in members:
            row[torch.randint(count, (count,), generator=rng)] = True
        radii, dimensions, spreads = self._averages(points, members, fewest, most)
        values = _at_zero(radii, dimensions, spreads, self._ridge)
        answer = values.mean().clamp(0, points.shape[1])
        return answer.float().repeat(len(self._setup.neighbours))

    def _averages(self, points: Tensor, members: Tensor, fewest: int, most: int) -> tuple[Tensor, Tensor, Tensor]:
        """Over bootstraps, by point and number of neighbours, (n, most - fewest + 1) each: the mean radius, mean and
        standard deviation of the dimension.

        One search finds a list so long that `most` of it are in any bootstrap, six standard deviations above the mean;
        should some row be short all the same, twice as long a list is sought.
        """
        length = math.ceil((most + 6 * math.sqrt(most * (1 - _DRAWN))) / _DRAWN)
        while True:
            length = min(length, len(points) - 1)
            found = nearest(points, length)
            indices = found.indices.cpu()
            if all(int(some[indices].sum(1).min()) >= most for some in members):
                break
            if length == len(points) - 1:
                raise DataError(f"a bootstrap of {len(points)} points has fewer than {most} of them; give more points")
            length *= 2
        logs = found.distances.cpu().double().log()
        if not bool(logs[:, 0].isfinite().all()):
            raise DataError("no ratio of distances, as there are equal points; drop them")
        ks = torch.arange(fewest, most + 1)
        shape = (len(points), len(ks))
        radii, mean, squares = (torch.zeros(shape, dtype=torch.float64) for _ in range(3))
        for done, some in enumerate(members, start=1):
            inside = some[indices]
            inside &= inside.cumsum(1) <= most
            own = logs[inside].view(len(points), most)
            sums = (ks - 1) * own[:, ks - 1] - own.cumsum(1)[:, ks - 2]
            if not bool((sums > 0).all()):
                raise DataError(f"no finite dimension: {fewest} or more neighbours of a point are equally far from it")
            off = (ks - 2) / sums - mean
            mean += off / done  # Welford 1962
            squares += off * ((ks - 2) / sums - mean)
            radii += own[:, ks - 1].exp() / len(members)
        return radii, mean, (squares / max(1, len(members) - 1)).sqrt()


def _at_zero(radii: Tensor, dimensions: Tensor, spreads: Tensor, ridge: float) -> Tensor:
    """Intercepts (n,) of ridge regressions of dimensions on radii and their squares, all (n, m), weighted by
    1 / spread, or evenly where a spread is 0."""
    even = (spreads <= 0).any(1, keepdim=True)
    weights = torch.where(even, 1.0, spreads.clamp_min(torch.finfo(torch.float64).tiny).reciprocal())
    shares = (weights / weights.sum(1, keepdim=True)).unsqueeze(1)
    features = torch.stack([radii, radii.square()], dim=1)
    centre, level = (features * shares).sum(2), (dimensions.unsqueeze(1) * shares).sum(2)
    weighted = (features - centre.unsqueeze(2)) * weights.unsqueeze(1)
    normal = weighted @ (features - centre.unsqueeze(2)).mT + ridge * torch.eye(2, dtype=radii.dtype)
    slopes = torch.linalg.solve(normal, weighted @ (dimensions - level).unsqueeze(2)).squeeze(2)
    at_zero: Tensor = level.squeeze(1) - (slopes * centre).sum(1)
    return at_zero
