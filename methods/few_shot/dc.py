"""Distribution Calibration. Yang, Liu, Xu: Free Lunch for Few-Shot Learning: Distribution Calibration, ICLR 2021,
arXiv:2101.06395.

One example says little about its class, but the base classes nearest to it say how such classes are spread: average
their means with it and their covariances with each other, draw features from that Gaussian, fit logistic regression.
Claim: better than logistic regression on the same features, raw or of length 1, at 1 shot, if the novel classes have
neighbours among the base classes. At 5 shots re-runs of the released code find no gain, on unrelated classes a loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.few_shot import logistic, novel_classes
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup

_BLOCK_BYTES = 2**26
"""Features drawn at once; more would leave the cache anyway."""


@novel_classes.track.method("dc", paper="arXiv:2101.06395")
class DistributionCalibration:
    """As released, but for the number of draws: the support after Tukey's transformation meets base statistics of raw
    features.

    neighbours: base classes that a support example borrows from, k;  spread: alpha, added to *every* entry of the
    covariance, which moves all features of a draw up or down together (released code, evaluate_DC.py);  samples:
    features drawn per class, shared by its support examples (released: 750, which takes half as long again for the
    same accuracy);  power: Tukey's lambda (section 4.1.3);  consistent: take the base statistics after Tukey's
    transformation, too.
    """

    def __init__(
        self,
        setup: EpisodeSetup,
        *,
        neighbours: int = 2,
        spread: float = 0.21,
        samples: int = 500,
        power: float = 0.5,
        consistent: bool = False,
    ) -> None:
        self.setup = setup
        self._neighbours = neighbours
        self._spread = spread
        self._samples = samples
        self._power = power
        self._consistent = consistent
        self._generator = setup.generator("samples", device=setup.device)

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """See `EpisodeClassifier.observe`: keep mean and unbiased covariance of every base class."""
        if self._consistent:
            features = features.pow(self._power)
        classes = [features[labels == label] for label in range(self.setup.base_classes)]
        self._means = torch.stack([part.mean(0) for part in classes])
        # one example of a class has no spread
        self._covariances = torch.stack(
            [part.T.cov() if len(part) > 1 else part.new_zeros(2 * part.shape[1:]) for part in classes]
        )

    def classify(self, support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
        """See `EpisodeClassifier.classify`."""
        support, queries = support.pow(self._power), queries.pow(self._power)
        per_example = max(1, self._samples * self.setup.ways // support.shape[1])
        bytes_per_episode = support[0].numel() * support.element_size() * max(per_example, 2 * support.shape[2])
        block = max(1, _BLOCK_BYTES // bytes_per_episode)
        parts = zip(support.split(block), labels.split(block), queries.split(block), strict=True)
        return torch.cat([self._heads(some, known, per_example).predict(asked) for some, known, asked in parts])

    def _heads(self, support: Tensor, labels: Tensor, count: int) -> logistic.Heads:
        means, factors = self._calibrated(support.flatten(0, 1))
        noise = torch.randn(len(means), count, means.shape[1], generator=self._generator, device=means.device)
        drawn = torch.baddbmm(means.unsqueeze(1), noise, factors.mT).view(len(support), -1, means.shape[1])
        return logistic.fit(
            torch.cat([support, drawn], dim=1),
            torch.cat([labels, labels.repeat_interleave(count, dim=1)], dim=1),
            classes=self.setup.ways,
            tolerance=1e-4,  # scikit-learn's, as released
        )

    def _calibrated(self, support: Tensor) -> tuple[Tensor, Tensor]:
        """Means (n, d) and Cholesky factors of the covariances (n, d, d) for support examples (n, d).

        Equations 5 and 6: S holds the base classes whose means are nearest to the example.
        """
        count = min(self._neighbours, len(self._means))
        nearest = torch.cdist(support, self._means).topk(count, largest=False).indices
        means = (self._means[nearest].sum(1) + support) / (count + 1)
        covariances = self._covariances[nearest].mean(1) + self._spread
        return means, _factors(covariances)


@novel_classes.track.method("dc-consistent", paper="arXiv:2101.06395")
class ConsistentCalibration(DistributionCalibration):
    """Base statistics after Tukey's transformation, so that means and support live on one scale; else as `dc`."""

    def __init__(
        self,
        setup: EpisodeSetup,
        *,
        neighbours: int = 2,
        spread: float = 0.21,
        samples: int = 500,
        power: float = 0.5,
    ) -> None:
        super().__init__(setup, neighbours=neighbours, spread=spread, samples=samples, power=power, consistent=True)


def _factors(covariances: Tensor) -> Tensor:
    """Factors F with F F^T = covariance, for symmetric positive semi-definite matrices (n, d, d).

    Fewer images than dimensions make a covariance singular, where Cholesky's factorisation may break down; those few go
    through their eigenvalues.
    """
    precise = covariances.double()
    diagonal = precise.diagonal(dim1=1, dim2=2)
    diagonal += 1e-7 * diagonal.mean(1, keepdim=True)
    factors, failed = torch.linalg.cholesky_ex(precise)
    broken = failed > 0
    if bool(broken.any()):
        values, vectors = torch.linalg.eigh(precise[broken])
        factors[broken] = vectors * values.clamp_min(0).sqrt().unsqueeze(1)
    rounded: Tensor = factors.to(covariances.dtype)
    return rounded
