"""k nearest neighbours: a query belongs to the class of most of the k support examples most like it (Cover & Hart 1967,
"Nearest neighbor pattern classification"), by cosine similarity.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.few_shot import novel_classes
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup


@novel_classes.track.method("knn", role="baseline", paper="Cover & Hart 1967")
class NearestNeighbours:
    """neighbours: k (docs/tuning/few_shot.md), at most as many as there are shots; ties go to the class most alike."""

    def __init__(self, setup: EpisodeSetup, *, neighbours: int = 5) -> None:
        self.setup = setup
        self._neighbours = neighbours

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """See `EpisodeClassifier.observe`: base classes are of no use here."""

    def classify(self, support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
        """See `EpisodeClassifier.classify`."""
        count = min(self._neighbours, support.shape[1] // self.setup.ways)
        similarity = F.normalize(queries, dim=2) @ F.normalize(support, dim=2).mT
        nearest = similarity.topk(count, dim=2)
        classes = labels.unsqueeze(1).expand(-1, queries.shape[1], -1).gather(2, nearest.indices)
        # A vote counts one and, to break ties, a little of its similarity, which is at most 1.
        votes = torch.zeros(*queries.shape[:2], self.setup.ways, dtype=torch.float64, device=queries.device)
        return votes.scatter_add_(2, classes, 1 + 1e-3 * nearest.values.double()).argmax(2)
