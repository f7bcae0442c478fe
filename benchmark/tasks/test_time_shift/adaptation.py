"""What methods of `test_time_shift.corruption` share: the source model, normalisation by the batch at hand, and steps
on the scale and shift of normalisation layers.

One image alone is no batch: it is normalised by the source's statistics, as its own would leave nothing of a map of
one pixel and little of a small one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup

Norm = nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm


def norms(model: nn.Module) -> list[Norm]:
    """Normalisation layers of a model that have scale and shift. Raises UsageError if it has none."""
    found = [module for module in model.modules() if isinstance(module, Norm) and module.weight is not None]
    if not found:
        raise UsageError(
            f"{type(model).__name__} has no normalisation layer with scale and shift, so that there is nothing to "
            "adapt; give a network with batch-norm, group-norm or layer-norm"
        )
    return found


def affine(layers: Iterable[Norm]) -> list[nn.Parameter]:
    """Scale and shift of each layer."""
    return [parameter for layer in layers for parameter in (layer.weight, layer.bias)]


def entropy(scores: Tensor) -> Tensor:
    """Entropy (n,), in nats, of the softmax of scores (n, classes)."""
    return -(scores.softmax(1) * scores.log_softmax(1)).sum(1)


class CorruptionModel:
    """The source model as it is: keeps the contract of the track. Attributes: setup; model, in evaluation mode."""

    def __init__(self, setup: AdaptationSetup) -> None:
        self.setup = setup

    def begin(self, weights: dict[str, Tensor], images: Tensor) -> None:
        """See `TestTimeAdapter.begin`."""
        self.use(self.setup.model(), weights, images)

    def use(self, model: nn.Module, weights: dict[str, Tensor], images: Tensor) -> None:
        """Take a model of any kind, on its device, and its weights."""
        model.load_state_dict(weights)
        model.eval().requires_grad_(False)
        self.model = model.to(memory_format=torch.channels_last)  # half as fast again

    def reset(self) -> None:
        """See `TestTimeAdapter.reset`."""

    @torch.no_grad()
    def adapt(self, images: Tensor) -> Tensor:
        """See `TestTimeAdapter.adapt`."""
        scores: Tensor = self.model(images)
        return scores

    def study(self, images: Tensor, labels: Tensor) -> None:
        """See `TestTimeAdapter.study`."""


class CorruptionBatchNorm(CorruptionModel):
    """Batch-norm by the mean and the biased variance of the batch at hand, in place of the source's.

    Dropout and all else stay in evaluation mode. Other normalisations know no batch and stay as they are.
    """

    def use(self, model: nn.Module, weights: dict[str, Tensor], images: Tensor) -> None:
        """See `CorruptionModel.use`."""
        super().use(model, weights, images)
        self.norms = norms(model)
        for layer in self.norms:
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 0.0  # the source's statistics are kept

    def scores(self, images: Tensor) -> Tensor:
        """Scores (n, classes), by the source's statistics for one image alone."""
        for layer in self.norms:
            layer.train(len(images) > 1)
        scores: Tensor = self.model(images)
        return scores

    @torch.no_grad()
    def adapt(self, images: Tensor) -> Tensor:
        """See `TestTimeAdapter.adapt`: the statistics of one batch are forgotten with the next."""
        return self.scores(images)


class CorruptionAffineAdapter(CorruptionBatchNorm, ABC):
    """Batch statistics, and after each answer one step of Adam on scale and shift.

    learning_rate: of Adam, betas 0.9 and 0.999, no weight decay
    """

    def __init__(self, setup: AdaptationSetup, *, learning_rate: float) -> None:
        super().__init__(setup)
        self.learning_rate = learning_rate

    def use(self, model: nn.Module, weights: dict[str, Tensor], images: Tensor) -> None:
        """See `CorruptionModel.use`."""
        super().use(model, weights, images)
        self.parameters = affine(self.adapted())
        for parameter in self.parameters:
            parameter.requires_grad_()
        self.source = [parameter.detach().clone() for parameter in self.parameters]
        self.reset()

    def adapted(self) -> list[Norm]:
        """Layers whose scale and shift are adapted."""
        return self.norms

    @torch.no_grad()
    def reset(self) -> None:
        """See `TestTimeAdapter.reset`."""
        for parameter, before in zip(self.parameters, self.source, strict=True):
            parameter.copy_(before)
        self.optimizer = self.fresh_optimizer()

    def fresh_optimizer(self) -> torch.optim.Optimizer:
        """An optimiser of the parameters that remembers no step."""
        return torch.optim.Adam(self.parameters, lr=self.learning_rate, fused=True)

    def adapt(self, images: Tensor) -> Tensor:
        """See `TestTimeAdapter.adapt`: returns the scores from before the step."""
        with torch.enable_grad():
            scores = self.scores(images)
            self.update(images, scores)
        return scores.detach()

    def update(self, images: Tensor, scores: Tensor) -> None:
        """Take a step, after the answer; scores carry their graph."""
        loss = self.loss(scores)
        if loss is None:
            return
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @abstractmethod
    def loss(self, scores: Tensor) -> Tensor | None:
        """The loss of a batch's scores (n, classes), or None if it teaches nothing."""
