"""mixup. Zhang, Cisse, Dauphin, Lopez-Paz, ICLR 2018, arXiv:1710.09412; why it helps: Zhang, Deng, Kawaguchi,
Ghorbani, Zou: How Does Mixup Help With Robustness and Generalization?, ICLR 2021, arXiv:2010.04819; and manifold mixup.
Verma et al., ICML 2019, arXiv:1806.05236.

Train on x = lam x_i + (1 - lam) x_j with the loss lam l(x, y_i) + (1 - lam) l(x, y_j), lam from a beta distribution.
The manifold form mixes what enters a random layer instead of the images.
Claim (2010.04819): the generalisation gap shrinks, and so does the loss under attacks of small radius. Accuracy under
attack is not claimed, and on MNIST it falls. Tuned weight decay and label smoothing, which stand beside it, shrink the
gap too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.seeding import numpy_generator
from benchmark.tasks.distribution_shift import adversarial, label_noise, spurious
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@adversarial.track.method("mixup", paper="arXiv:2010.04819")
@spurious.track.method("mixup", role="baseline", paper="arXiv:1710.09412", tiers=("smoke", "standard", "paper"))
class Mixup(ShiftLearner):
    """alpha: of Beta(alpha, alpha), from which each minibatch draws one lam (both papers: 1); 0 mixes nothing."""

    def __init__(self, setup: ShiftSetup, *, alpha: float = 1.0) -> None:
        super().__init__(setup)
        self._alpha = alpha

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """See `Learner.begin`."""
        super().begin(images, labels)
        self._shares = numpy_generator(self.setup.seed, self.setup.track, "contestant", "mixup")
        self._partners = self.setup.generator("mixup")

    def loss(self, images: Tensor, labels: Tensor, places: Tensor) -> Tensor:
        """See `ShiftLearner.loss`: partners are a permutation of the minibatch, lam is as drawn (released code)."""
        if not self._alpha:
            return super().loss(images, labels, places)
        share = float(self._shares.beta(self._alpha, self._alpha))
        partners = torch.randperm(len(labels), generator=self._partners).to(labels.device)
        return mixed_loss(self.mixed_scores(images, partners, share), labels, labels[partners], share)

    def mixed_scores(self, images: Tensor, partners: Tensor, share: float) -> Tensor:
        """Scores (n, classes) of images (n, c, h, w) mixed with partners (n,), of which `share` is the image's own."""
        scores: Tensor = self.model(mixed(images, partners, share))
        return scores


@label_noise.track.method("mixup", role="baseline", paper="arXiv:1710.09412")
class StrongMixup(Mixup):
    """alpha: large, lam near a half, which the paper prefers under label noise (table 2: 8 at 20 %, 32 at 50 %)."""

    def __init__(self, setup: ShiftSetup, *, alpha: float = 8.0) -> None:
        super().__init__(setup, alpha=alpha)


@adversarial.track.method("manifold-mixup", role="baseline", paper="arXiv:1806.05236")
class ManifoldMixup(Mixup):
    """alpha: of the beta distribution (the paper: 2). Layers: all of the body that have weights, the first of which is
    entered by the images (the paper: the input and the first two blocks of a residual network).
    """

    def __init__(self, setup: ShiftSetup, *, alpha: float = 2.0) -> None:
        super().__init__(setup, alpha=alpha)

    def mixed_scores(self, images: Tensor, partners: Tensor, share: float) -> Tensor:
        """See `Mixup.mixed_scores`."""
        layers = [layer for layer in self.model.body.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        layer = layers[int(torch.randint(len(layers), (), generator=self._partners))]
        handle = layer.register_forward_pre_hook(lambda _, inputs: (mixed(inputs[0], partners, share),))
        try:
            scores: Tensor = self.model(images)
        finally:
            handle.remove()
        return scores


def mixed(values: Tensor, partners: Tensor, share: float) -> Tensor:
    """share x_i + (1 - share) x_partner(i), for values (n, ...)."""
    return torch.lerp(values[partners], values, share)


def mixed_loss(scores: Tensor, labels: Tensor, others: Tensor, share: float) -> Tensor:
    """Cross-entropy with the labels mixed as the images were, which is the same as mixing two cross-entropies."""
    return share * F.cross_entropy(scores, labels) + (1 - share) * F.cross_entropy(scores, others)
