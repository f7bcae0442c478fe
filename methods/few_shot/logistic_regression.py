"""Logistic regression on the support, as scikit-learn has it, on three forms of the features.

What distribution calibration is to be compared with: it ends in the same classifier. Raw features; features of length
1; features after Tukey's transformation, which is the first of its two parts (arXiv:2101.06395, section 3.2).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.few_shot import logistic, novel_classes
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup


@novel_classes.track.method("lr", role="baseline", paper="arXiv:2101.06395")
class LogisticRegression:
    """On raw features. strength: C, larger regularises less (docs/tuning/few_shot.md)."""

    def __init__(self, setup: EpisodeSetup, *, strength: float = 0.1) -> None:
        self.setup = setup
        self._strength = strength

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """See `EpisodeClassifier.observe`: base classes are of no use here."""

    def classify(self, support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
        """See `EpisodeClassifier.classify`."""
        heads = logistic.fit(self.form(support), labels, classes=self.setup.ways, strength=self._strength)
        return heads.predict(self.form(queries))

    def form(self, features: Tensor) -> Tensor:
        """The form of the features (..., d) that is classified."""
        return features


@novel_classes.track.method("lr-l2", role="baseline", paper="arXiv:2101.06395")
class NormalisedLogisticRegression(LogisticRegression):
    """On features of length 1."""

    def __init__(self, setup: EpisodeSetup, *, strength: float = 10.0) -> None:
        super().__init__(setup, strength=strength)

    def form(self, features: Tensor) -> Tensor:
        """See `LogisticRegression.form`."""
        return F.normalize(features, dim=-1)


@novel_classes.track.method("lr-tukey", role="baseline", paper="arXiv:2101.06395")
class TukeyLogisticRegression(LogisticRegression):
    """On square roots of the features (Tukey's ladder of powers, lambda 0.5)."""

    def form(self, features: Tensor) -> Tensor:
        """See `LogisticRegression.form`."""
        return features.sqrt()
