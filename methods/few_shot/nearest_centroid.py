"""Nearest centroid: a query belongs to the class whose support has the nearest mean (Snell et al. 2017,
arXiv:1703.05175, equation 2, on features that were not trained for it).

The plainest thing to do with features; what a better method gains, it gains over this.
"""

from __future__ import annotations

from torch import Tensor

from benchmark.tasks.few_shot import novel_classes
from benchmark.tasks.few_shot.episodes import nearest_mean
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup


@novel_classes.track.method("nearest-centroid", role="baseline", paper="arXiv:1703.05175")
class NearestCentroid:
    """Squared Euclidean distance to the mean of each class."""

    def __init__(self, setup: EpisodeSetup) -> None:
        self.setup = setup

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """See `EpisodeClassifier.observe`: base classes are of no use here."""

    def classify(self, support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
        """See `EpisodeClassifier.classify`."""
        return nearest_mean(support, labels, queries, self.setup.ways)
