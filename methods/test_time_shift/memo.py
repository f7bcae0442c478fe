"""MEMO. Zhang, Levine, Finn: MEMO: Test Time Robustness via Adaptation and Augmentation, NeurIPS 2022,
arXiv:2110.09506.

Each image by itself: lower the entropy of the mean answer to several views of it by one step, answer, forget. No batch
is needed, and what it costs is seen.
Small here: scale and shift of batch-norm are adapted instead of all parameters, so that the images of a batch can take
their steps at once; views are those of `benchmark.learning.augmentation` instead of AugMix; and answers that are sure
already are left as they are.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.learning.augmentation import Views
from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionModel, entropy, norms
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup

_VIEWS = Views(turn=0.15, zoom=0.1, stretch=0.05, shear=0.1, shift=0.08, contrast=0.2, brightness=0.1)


@corruption.track.method("memo", role="baseline", paper="arXiv:2110.09506", tiers=("smoke", "standard", "paper"))
class MEMO(CorruptionModel):
    """views: of each image (appendix A: 32 on CIFAR-10; here 8 cost twice as much and gain little);  learning_rate: of
    SGD, without momentum, the best of 0.002 ... 0.02 on held-out corruptions and another seed (CIFAR-10: 0.005 for all
    parameters);  sure: entropy below which an image is left alone, as a share of ln(classes)."""

    def __init__(
        self, setup: AdaptationSetup, *, views: int = 4, learning_rate: float = 0.005, sure: float = 0.1
    ) -> None:
        super().__init__(setup)
        self._views = views
        self._learning_rate = learning_rate
        self._sure = sure * math.log(setup.classes)

    def use(self, model: nn.Module, weights: dict[str, Tensor], images: Tensor) -> None:
        """See `CorruptionModel.use`."""
        super().use(model, weights, images)
        self._norms = [PerImage(layer) for layer in norms(model) if isinstance(layer, nn.BatchNorm2d)]
        _replace(model, {id(norm.source): norm for norm in self._norms})
        self.reset()

    def reset(self) -> None:
        """See `TestTimeAdapter.reset`: nothing outlives an image but the views that are drawn."""
        self._generator = self.setup.generator("views")

    def adapt(self, images: Tensor) -> Tensor:
        """See `TestTimeAdapter.adapt`: answers after the step, which is of this image alone."""
        scores = self._scores(images, 1)
        unsure = (entropy(scores) > self._sure).nonzero().squeeze(1)
        if len(unsure):
            scores[unsure] = self._adapted(images[unsure])
        for norm in self._norms:
            norm.forget()
        return scores

    def _adapted(self, images: Tensor) -> Tensor:
        parameters = [parameter for norm in self._norms for parameter in norm.spread(len(images))]
        views = _VIEWS(images.repeat_interleave(self._views, 0), self._generator)
        with torch.enable_grad():
            loss = marginal_entropy(self._scores(views, self._views, grad=True), self._views).sum()
            slopes = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter -= self._learning_rate * slope
        return self._scores(images, 1)

    def _scores(self, images: Tensor, views: int, *, grad: bool = False) -> Tensor:
        for norm in self._norms:
            norm.views = views
        with torch.set_grad_enabled(grad):
            scores: Tensor = self.model(images)
        return scores


class PerImage(nn.Module):
    """Batch-norm by the source's statistics, with scale and shift of each image's own where there are any.

    source: the layer that it replaces;  views: in a row that belong to one image
    """

    def __init__(self, source: nn.BatchNorm2d) -> None:
        super().__init__()
        self.source, self.views = source, 1
        self._own: tuple[Tensor, ...] = ()

    def spread(self, count: int) -> tuple[Tensor, Tensor]:
        """Give each of `count` images a scale and a shift (count, channels, 1, 1) of its own to adapt."""
        self._own = tuple(
            parameter.detach().view(1, -1, 1, 1).repeat(count, 1, 1, 1).requires_grad_()
            for parameter in (self.source.weight, self.source.bias)
        )
        return self._own[0], self._own[1]

    def forget(self) -> None:
        """Go back to the source's."""
        self._own = ()

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w), n the number of images times `views`."""
        layer = self.source
        if not self._own:
            shared: Tensor = layer(x)
            return shared
        plain = F.batch_norm(x, layer.running_mean, layer.running_var, eps=layer.eps)
        scale, shift = (each.repeat_interleave(self.views, 0) for each in self._own)
        own: Tensor = torch.addcmul(shift, plain, scale)
        return own


def marginal_entropy(scores: Tensor, views: int) -> Tensor:
    """Entropy (n,) of the mean answer to each image's views; scores: (n * views, classes), image by image."""
    shares = scores.log_softmax(1).unflatten(0, (-1, views))
    mean = shares.logsumexp(1) - math.log(views)
    found: Tensor = -(mean.exp() * mean).sum(1)
    return found


def _replace(model: nn.Module, others: dict[int, PerImage]) -> None:
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if id(child) in others:
                setattr(parent, name, others[id(child)])
