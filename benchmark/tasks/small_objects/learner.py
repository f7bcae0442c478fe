"""What methods of `small_objects` share: the standard training of the standard detector, of which each changes one
thing about padding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchmark.learning.training import minibatches
from benchmark.tasks.small_objects.assignment import padded
from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.borders.foveation import foveation
from benchmark.tasks.small_objects.borders.probes import kernel_asymmetry
from benchmark.tasks.small_objects.network import Network
from benchmark.tasks.small_objects.rules import PaddingSetup

_CHUNK = 4
"""Minibatches of images detected at once, to bound the memory: without gradients they take less."""
BESIDE_QUICK = ("smoke", "standard", "paper")
"""Tiers of methods that are left out of the quick one, as they tell little beside those that are in it."""


class PaddingLearner:
    """AdamW with one cycle of the learning rate. Attributes: setup; model, untrained before the first `learn`.

    fill: of the convolutions, see `borders.filling`.
    """

    fill = "zero"

    def __init__(self, setup: PaddingSetup) -> None:
        self.setup = setup
        self.model: Network = self.treated(setup.model())

    def treated(self, model: Network) -> Network:
        """Give a detector with its initial weights this method's padding."""
        repad(model, self.fill)
        return model

    def resolution(self) -> list[int]:
        """See `Detector.resolution`: as given."""
        return [self.setup.height, self.setup.width]

    def learn(self, images: Tensor, boxes: Tensor, labels: Tensor, counts: Tensor) -> None:
        """See `Detector.learn`."""
        setup = self.setup
        self.model = self.treated(setup.model()).train()
        wide, named = padded(boxes, labels, counts)
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=setup.learning_rate, weight_decay=1e-4, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, setup.learning_rate, setup.steps, pct_start=0.25)
        rng = setup.generator("minibatches")
        step = 0
        while step < setup.steps:
            for batch, box, label in minibatches(images, wide, named, batch_size=setup.batch_size, generator=rng):
                optimizer.zero_grad()
                self.model.loss(batch.float() / 255, box, label).backward()
                optimizer.step()
                schedule.step()
                step += 1
                if step == setup.steps:
                    break
        self.model.eval()

    def detect(self, images: Tensor) -> list[Tensor]:
        """See `Detector.detect`."""
        found = [
            each
            for part in images.split(_CHUNK * self.setup.batch_size)
            for each in self.model.found(part.float() / 255, self.setup.most)
        ]
        boxes, labels, scores = (torch.cat(part) for part in zip(*found, strict=True))
        return [boxes, labels, scores, torch.tensor([len(each[1]) for each in found])]

    @torch.no_grad()
    def features(self, images: Tensor) -> list[Tensor]:
        """See `Detector.features`."""
        sums: list[Tensor] = []
        for part in images.split(_CHUNK * self.setup.batch_size):
            maps = [level.mean(1).sum(0) for level in self.model.levels(part.float() / 255)]
            sums = [a + b for a, b in zip(sums, maps, strict=True)] if sums else maps
        return [total / len(images) for total in sums]

    def foveation(self) -> Tensor:
        """See `Detector.foveation`."""
        height, width = self.resolution()
        return foveation(self.model.body, (height, width))

    def kernels(self) -> Tensor:
        """See `Detector.kernels`."""
        maps = [each.map for each in kernel_asymmetry(self.model.body) if tuple(each.map.shape) == (3, 3)]
        return torch.stack(maps)


class EvenlyPadded(PaddingLearner):
    """Asks for images a little larger, h = a 2^n + 1 with n halvings, so that all convolutions of stride 2 read the
    padding of all sides: with h = a 2^n they leave the last row and column unread (section 3, arXiv:2010.02178)."""

    def resolution(self) -> list[int]:
        """See `Detector.resolution`: the smallest such height and width from the given ones on."""
        step = 2**self.model.halvings
        return [math.ceil((size - 1) / step) * step + 1 for size in (self.setup.height, self.setup.width)]
