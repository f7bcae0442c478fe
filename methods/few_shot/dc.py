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

from benchmark.tasks.few_shot import gaussian, logistic, novel_classes
from benchmark.tasks.few_shot.novel_classes import EpisodeSetup

_BLOCK = 32
"""Episodes at once, which share their standard normal numbers."""
_BLOCK_BYTES = 2**28
"""Of the largest matrices of a block, which hold it to fewer episodes in many dimensions."""


@novel_classes.track.method("dc", paper="arXiv:2101.06395")
class DistributionCalibration:
    """As released: the support after Tukey's transformation meets base statistics of raw features.

    neighbours: base classes that a support example borrows from, k;  spread: alpha, added to *every* entry of the
    covariance, which moves all features of a draw up or down together;  samples: features drawn per class, shared by
    its support examples;  power: Tukey's lambda;  strength: C of the regression (all five: released code,
    evaluate_DC.py);  consistent: take the base statistics after Tukey's transformation, too.
    """

    def __init__(
        self,
        setup: EpisodeSetup,
        *,
        neighbours: int = 2,
        spread: float = 0.21,
        samples: int = 750,
        power: float = 0.5,
        strength: float = 1.0,
        consistent: bool = False,
    ) -> None:
        self.setup = setup
        self._neighbours = neighbours
        self._spread = spread
        self._samples = samples
        self._power = power
        self._strength = strength
        self._consistent = consistent
        self._blocks = 0

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
        block = self.block(support.shape[1], support.shape[2])
        parts = list(zip(support.split(block), labels.split(block), queries.split(block), strict=True))
        first, self._blocks = self._blocks, self._blocks + len(parts)
        return torch.cat(logistic.each(lambda at: self._answers(*parts[at], first + at), range(len(parts))))

    def block(self, examples: int, dimensions: int) -> int:
        """How many episodes of so many support examples are taken at once."""
        widest = max(examples * dimensions**2, (self.setup.ways - 1) ** 2 * (dimensions + 1) ** 2)
        return max(1, min(_BLOCK, _BLOCK_BYTES // (4 * widest)))

    def noise(self, block: int, examples: int, dimensions: int) -> Tensor:
        """Standard normal numbers (examples, d, draws for each example) of a block of episodes, counted from 0."""
        shape = (examples, dimensions, max(1, self._samples * self.setup.ways // examples))
        device = self.setup.device
        return torch.randn(shape, generator=self.setup.generator("samples", block, device=device), device=device)

    def _answers(self, support: Tensor, labels: Tensor, queries: Tensor, block: int) -> Tensor:
        means, factors = self._calibrated(support.flatten(0, 1))
        clouds = gaussian.Clouds(
            support,
            labels,
            means.view_as(support),
            factors.view(*support.shape, -1),
            self.noise(block, *support.shape[1:]),
        )
        return gaussian.fit(
            clouds,
            classes=self.setup.ways,
            strength=self._strength,
            tolerance=1e-4,  # scikit-learn's, as released
        ).predict(queries)

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
    """Base statistics after Tukey's transformation, so that means and support live on one scale; else as `dc`.

    strength: C, tuned as the baselines' is (docs/tuning/few_shot.md).
    """

    def __init__(
        self,
        setup: EpisodeSetup,
        *,
        neighbours: int = 2,
        spread: float = 0.21,
        samples: int = 750,
        power: float = 0.5,
        strength: float = 0.01,
    ) -> None:
        super().__init__(
            setup,
            neighbours=neighbours,
            spread=spread,
            samples=samples,
            power=power,
            strength=strength,
            consistent=True,
        )


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
