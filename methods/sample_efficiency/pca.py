"""Principal components (Pearson 1901, "On lines and planes of closest fit to systems of points in space"): how many are
needed for 95 % of the variance.

Sees flat directions alone: of a curved surface it counts all that the surface reaches into, of noise every coordinate.
Claim: right for a linear image of a cube, far too high for images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.errors import DataError
from benchmark.tasks.sample_efficiency import intrinsic_dimension
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup


@intrinsic_dimension.track.method("pca", paper="Pearson 1901", role="baseline")
class PrincipalComponents:
    """variance: share of it that the components counted must hold; 95 % is the usual one."""

    def __init__(self, setup: EstimatorSetup, *, variance: float = 0.95) -> None:
        self._answers = len(setup.neighbours)
        self._variance = variance

    def estimate(self, points: Tensor) -> Tensor:
        """See `Estimator.estimate`."""
        centred = points - points.mean(0)
        centred -= centred.mean(0)  # what rounding left of a mean that is large beside the spread
        centred /= centred.abs().max().clamp_min(torch.finfo(points.dtype).tiny)
        products = centred.T @ centred if len(points) > points.shape[1] else centred @ centred.T
        variances = torch.linalg.eigvalsh(products.cpu().double()).flip(0).clamp_min(0)
        if not float(variances.sum()) > 0:
            raise DataError("the points are all equal: there is no variance; drop duplicates")
        shares = variances.cumsum(0) / variances.sum()
        needed = int((shares < self._variance).sum()) + 1
        return torch.full((self._answers,), float(needed))
