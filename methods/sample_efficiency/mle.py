"""Maximum likelihood. Levina & Bickel 2004, "Maximum likelihood estimation of intrinsic dimension", with the average of
MacKay & Ghahramani 2005, as in Pope, Zhu, Abdelkader, Goldblum, Goldstein: The Intrinsic Dimension of Images and Its
Impact on Learning, ICLR 2021, arXiv:2104.08894.

In m dimensions the distances T_1 < ... < T_k from a point to its neighbours grow such that ln(T_k / T_j), for a random
j < k, is exponential with rate m: its mean over j and over all points is 1 / m.
Claim: images have far fewer dimensions than pixels: MNIST 7 to 13, CIFAR-10 13 to 26 for k from 3 to 20 (table 1, with
the released code's factor). Of many dimensions it finds too few, the more so the fewer points there are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.errors import DataError
from benchmark.tasks.sample_efficiency import intrinsic_dimension
from benchmark.tasks.sample_efficiency.intrinsic_dimension import EstimatorSetup
from benchmark.tasks.sample_efficiency.neighbours import nearest


@intrinsic_dimension.track.method("mle", paper="arXiv:2104.08894")
class MaximumLikelihood:
    """less: the sum of logarithms over k - 1 neighbours is divided by k - less.

    1 makes the average of *inverse* estimates, which this is, unbiased. 2 is right where the estimates themselves are
    averaged, as Levina and Bickel do; the released code divides so and averages inverses all the same, which makes what
    it finds too small by (k - 2) / (k - 1): a half at k = 3, a twentieth at k = 20.
    """

    def __init__(self, setup: EstimatorSetup, *, less: int = 1) -> None:
        self._neighbours = setup.neighbours
        self._less = less

    def estimate(self, points: Tensor) -> Tensor:
        """See `Estimator.estimate`."""
        logs = nearest(points, max(self._neighbours)).distances.cpu().double().log()
        return torch.stack([self._dimension(logs[:, :k]) for k in self._neighbours]).float()

    def _dimension(self, logs: Tensor) -> Tensor:
        """Of logarithms (n, k) of the distances, rising."""
        k = logs.shape[1]
        inverse = (logs[:, -1:] - logs[:, :-1]).sum(1).mean() / (k - self._less)
        if not 0 < float(inverse) < torch.inf:
            why = "equal points; drop them" if float(inverse) else f"all {k} nearest neighbours equally far from theirs"
            raise DataError(f"no finite dimension at k = {k}, as there are {why}")
        return inverse.reciprocal()


@intrinsic_dimension.track.method("mle-released", paper="arXiv:2104.08894")
class ReleasedMaximumLikelihood(MaximumLikelihood):
    """As in the code that the paper's table 1 comes from: its estimate rises with k by the factor (k - 2) / (k - 1)."""

    def __init__(self, setup: EstimatorSetup) -> None:
        super().__init__(setup, less=2)
