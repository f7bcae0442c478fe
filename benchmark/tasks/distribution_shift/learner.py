"""What methods of `distribution_shift` share: the standard loop, from which each of them varies one thing."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.learning.training import minibatches, predict
from benchmark.tasks.distribution_shift import attacks
from benchmark.tasks.distribution_shift.network import Classifier
from benchmark.tasks.distribution_shift.rules import ShiftSetup

_LINE_EXAMPLES = 1000


class ShiftLearner:
    """Empirical risk minimisation: SGD with momentum 0.9 on the mean cross-entropy; methods override what differs.

    Keeps the contract of all three tracks. Attributes: setup; model; optimizer; generator (of minibatch orders and the
    method's own choices); images and labels of the training set; step (number of the next) and steps (in all).
    """

    def __init__(self, setup: ShiftSetup) -> None:
        self.setup = setup

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """See `Learner.begin`."""
        self.images, self.labels = images, labels
        self.generator = self.setup.generator("method")
        self.model: Classifier = self.setup.model().to(memory_format=torch.channels_last)  # a fifth faster on CPUs
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=self.setup.learning_rate,
            momentum=0.9,
            weight_decay=self.setup.weight_decay,
            fused=True,
        )
        self.step = 0
        self.steps = self.passes() * self.setup.epochs * math.ceil(len(images) / self.setup.batch_size)

    def epoch(self, index: int) -> None:
        """See `Learner.epoch`."""
        self.model.train()
        for _ in range(self.passes()):
            indices = torch.arange(len(self.images), device=self.images.device)
            for batch, labels, places in minibatches(
                self.images, self.labels, indices, batch_size=self.setup.batch_size, generator=self.generator
            ):
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate()
                self.update(batch, labels, places)
                self.step += 1
        self.model.eval()

    def scores(self, images: Tensor) -> Tensor:
        """See `Learner.scores`."""
        return predict(self.model, images)

    def passes(self) -> int:
        """How often an epoch goes over the training set."""
        return 1

    def update(self, images: Tensor, labels: Tensor, places: Tensor) -> None:
        """Take one step on a minibatch; places: (n,) its indices in the training set."""
        self.optimizer.zero_grad()
        self.loss(images, labels, places).backward()
        self.optimizer.step()

    def loss(self, images: Tensor, labels: Tensor, places: Tensor) -> Tensor:
        """Return the loss of a minibatch."""
        return F.cross_entropy(self.model(images), labels)

    def rate(self) -> float:
        """The learning rate of the next step."""
        done = self.step / self.steps
        if self.setup.decay == "cosine":
            return self.setup.learning_rate * (1 + math.cos(math.pi * done)) / 2
        return self.setup.learning_rate * 0.1 ** sum(done >= part for part in (0.3, 0.6, 0.8))

    def reveal(self, groups: Tensor) -> None:
        """See `GroupLearner.reveal`."""

    def groups(self) -> Tensor:
        """See `GroupLearner.groups`: none were inferred."""
        return torch.zeros(0, dtype=torch.int64)

    @torch.no_grad()
    def loss_along(self, distances: Tensor) -> Tensor:
        """See `NoiseLearner.loss_along`: a random direction, scaled per filter to the weights' own norm (Li et al.
        2018, arXiv:1712.09913, section 4), the same for every method; loss on the first training images."""
        rng = self.setup.generator("direction")
        weights = [parameter.detach().clone() for parameter in self.model.parameters()]
        directions = [torch.randn(weight.shape, generator=rng).to(weight.device) for weight in weights]
        for weight, direction in zip(weights, directions, strict=True):
            filters = len(weight) if weight.ndim > 1 else 1
            rows, own = direction.view(filters, -1), weight.reshape(filters, -1)
            rows *= own.norm(dim=1, keepdim=True) / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
        images, labels = self.images[:_LINE_EXAMPLES], self.labels[:_LINE_EXAMPLES]
        losses = []
        for distance in distances.tolist():
            for parameter, weight, direction in zip(self.model.parameters(), weights, directions, strict=True):
                parameter.copy_(weight + distance * direction)
            losses.append(F.cross_entropy(predict(self.model, images), labels))
        for parameter, weight in zip(self.model.parameters(), weights, strict=True):
            parameter.copy_(weight)
        return torch.stack(losses)

    def attack(self, images: Tensor, kind: str, radius: float) -> Tensor:
        """See `AttackedLearner.attack`: PGD with 10 steps and 2 restarts."""
        if kind == "fgsm":
            return attacks.fgsm(self.model, images, radius)
        rng = self.setup.generator("attack", str(radius))
        return attacks.pgd(self.model, images, radius, steps=10, restarts=2, generator=rng)
