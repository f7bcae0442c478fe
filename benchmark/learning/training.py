"""The one training loop: plain minibatch training, with hooks where methods differ."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Loss = Callable[[Tensor, Tensor], Tensor]
"""(images or whatever the batch holds, labels) -> scalar loss of one minibatch."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to train and at which rate.

    With patience 0 the rate stays. Otherwise the rate is divided by `factor` whenever the validation loss has not
    improved for `patience` epochs, training stops below `floor`, and the best weights are restored (the HAT-style
    schedule of Serra et al. 2018 that GPM's released code uses).
    """

    epochs: int
    batch_size: int
    learning_rate: float
    hold_out: float = 0.0
    patience: int = 0
    factor: float = 2.0
    floor: float = 1e-5


def minibatches(*tensors: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
    """One epoch of minibatches of tensors that share their first dimension, in a seeded order; the last may be short.

    Gathers once per epoch: slices of a shuffled copy are far cheaper than an index per step.
    """
    order = torch.randperm(len(tensors[0]), generator=generator).to(tensors[0].device)
    yield from zip(*(tensor[order].split(batch_size) for tensor in tensors), strict=True)


def train(
    model: nn.Module,
    *tensors: Tensor,
    loss: Callable[..., Tensor],
    schedule: Schedule,
    generator: torch.Generator,
    before_step: Callable[[], None] | None = None,
    freeze_statistics: bool = False,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
) -> None:
    """Train, by default by plain SGD without momentum or weight decay: both break the guarantee of projection methods.

    tensors share their first dimension (images, labels, ...); loss takes one minibatch of each;
    before_step may change the gradients after each backward pass;
    freeze_statistics keeps the running statistics of batch-norm as they are;  optimizer: a class of torch.optim.
    """
    held_out: tuple[Tensor, ...] = ()
    if schedule.patience and schedule.hold_out:
        tensors, held_out = _split(tensors, schedule.hold_out, generator)
    elif schedule.hold_out:  # the paper's protocol sets validation data aside even where its rate is constant
        tensors, _ = _split(tensors, schedule.hold_out, generator)
    stepper = optimizer(model.parameters(), lr=schedule.learning_rate, fused=True)
    plateau = _Plateau(model, schedule) if held_out else None
    for _ in range(schedule.epochs):
        set_training(model, freeze_statistics=freeze_statistics)
        for batch in minibatches(*tensors, batch_size=schedule.batch_size, generator=generator):
            stepper.zero_grad()
            loss(*batch).backward()
            if before_step is not None:
                before_step()
            stepper.step()
        if plateau and not plateau.goes_on(_mean_loss(model, loss, held_out), stepper):
            break
    if plateau:
        plateau.restore()
    model.eval()


def set_training(model: nn.Module, *, freeze_statistics: bool) -> None:
    """Switch to training mode, all of it or all but batch-norm, which then normalises by its running statistics."""
    model.train()
    if freeze_statistics:
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


@torch.no_grad()
def predict(model: Callable[[Tensor], Tensor], images: Tensor, *, batch_size: int = 1000) -> Tensor:
    """Scores (n, classes) of images (n, ...), in batches so that memory stays bounded."""
    return torch.cat([model(part) for part in images.split(batch_size)])


def cross_entropy(model: Callable[[Tensor], Tensor]) -> Loss:
    """Mean cross-entropy of the model's scores as a loss for `train`."""
    return lambda images, labels: F.cross_entropy(model(images), labels)


class _Plateau:
    """Keeps the best weights and lowers the rate when the validation loss stalls."""

    def __init__(self, model: nn.Module, schedule: Schedule) -> None:
        self._model = model
        self._schedule = schedule
        self._best = float("inf")
        self._weights = copy.deepcopy(model.state_dict())
        self._left = schedule.patience

    def goes_on(self, loss: float, optimizer: torch.optim.Optimizer) -> bool:
        """Take note of one epoch's validation loss; False once the rate has fallen below its floor."""
        if loss < self._best:
            self._best, self._left = loss, self._schedule.patience
            self._weights = copy.deepcopy(self._model.state_dict())
            return True
        self._left -= 1
        if self._left > 0:
            return True
        self._left = self._schedule.patience
        for group in optimizer.param_groups:
            group["lr"] /= self._schedule.factor
        return bool(optimizer.param_groups[0]["lr"] >= self._schedule.floor)

    def restore(self) -> None:
        self._model.load_state_dict(self._weights)


def _split(
    tensors: tuple[Tensor, ...], fraction: float, generator: torch.Generator
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    count = len(tensors[0])
    order = torch.randperm(count, generator=generator).to(tensors[0].device)
    kept = count - max(1, round(count * fraction))
    return tuple(tensor[order[:kept]] for tensor in tensors), tuple(tensor[order[kept:]] for tensor in tensors)


@torch.no_grad()
def _mean_loss(model: nn.Module, loss: Callable[..., Tensor], tensors: tuple[Tensor, ...]) -> float:
    model.eval()
    parts = [tensor.split(1000) for tensor in tensors]
    sums = [float(loss(*batch)) * len(batch[0]) for batch in zip(*parts, strict=True)]
    return sum(sums) / len(tensors[0])
