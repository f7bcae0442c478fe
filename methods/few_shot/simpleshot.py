"""SimpleShot. Wang, Chao, Weinberger, van der Maaten: SimpleShot: Revisiting Nearest-Neighbor Classification for
Few-Shot Learning, 2019, arXiv:1911.04623.

Centre features by the mean of the base classes, scale them to length 1, take the nearest centroid ("CL2N").
Claim: with these two transformations nearest-centroid classification rivals methods made for few shots.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.few_shot import novel_classes
from benchmark.tasks.few_shot.episodes import nearest_mean
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup


@novel_classes.track.method("simpleshot", role="baseline", paper="arXiv:1911.04623")
class SimpleShot:
    """CL2N with one-shot or mean centroids (section 3)."""

    def __init__(self, setup: EpisodeSetup) -> None:
        self.setup = setup

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """See `EpisodeClassifier.observe`: keep the mean of all base features."""
        self._centre = features.mean(0)

    def classify(self, support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
        """See `EpisodeClassifier.classify`."""
        support, queries = (F.normalize(part - self._centre, dim=2) for part in (support, queries))
        return nearest_mean(support, labels, queries, self.setup.ways)
