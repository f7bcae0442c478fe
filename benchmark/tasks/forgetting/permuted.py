"""The track `forgetting.permuted`: every task shows the same images under another permutation of their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.results.job import Tier
from benchmark.tasks.forgetting.rules import (
    METRICS,
    ContinualBudget,
    ContinualLearner,
    ContinualRules,
    ContinualSetup,
    Domain,
)
from benchmark.tasks.track import Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import LabelledImages
    from benchmark.data.source import Source
    from benchmark.seeding import Draw


@dataclass(frozen=True, slots=True)
class Permuted:
    """All tasks show the same images under another permutation of the pixels each; made task by task."""

    train: LabelledImages
    test: LabelledImages
    permutations: tuple[Tensor, ...]
    mean: float
    std: float

    def __len__(self) -> int:
        return len(self.permutations)

    def domain(self, index: int) -> Domain:
        """Standardise by the training set's mean and standard deviation, then permute the pixels."""
        order = self.permutations[index]
        train, test = (
            ((part.images.float().div_(255) - self.mean) / self.std).flatten(1)[:, order].view(part.images.shape)
            for part in (self.train, self.test)
        )
        return Domain(train, self.train.labels, test, self.test.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """See `Domains.image_shape`."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


class _PermutedRules(ContinualRules):
    one_head = True

    def prepare(self, sizes: ContinualBudget, source: Source, draw: Draw) -> Permuted:
        import torch

        classes = list(range(sizes.classes))
        train = source.images("train", classes=classes, per_class=sizes.train, size=sizes.size, draw=draw)
        test = source.images("test", classes=classes, per_class=sizes.test, size=sizes.size, draw=draw)
        pixels = train.images.float().div_(255)
        # Channels move with their pixel: a permutation of places, repeated for each channel.
        channels, places = pixels.shape[1], pixels.shape[2] * pixels.shape[3]
        permutations = tuple(
            (
                torch.randperm(places, generator=draw.generator("permutation", task))
                + places * torch.arange(channels)[:, None]
            ).flatten()
            for task in range(sizes.tasks)
        )
        return Permuted(train, test, permutations, float(pixels.mean()), float(pixels.std()))


def _mlp(
    data: str, *, seconds: float, tasks: int, train: int | None, test: int | None, **sizes: Any
) -> ContinualBudget:
    """A budget of the permuted track: the paper's network and batch size at every tier, its rate from standard up."""
    defaults: dict[str, Any] = {
        "classes": 10,
        "size": 28,
        "network": "mlp",
        "memory": 200,
        "batch_size": 10,
        "learning_rate": 0.01,
    }
    return ContinualBudget(data, seconds, tasks=tasks, train=train, test=test, **(defaults | sizes))


track: Track[ContinualLearner] = Track(
    "forgetting.permuted",
    question="One head for all tasks, each with its own permutation of the pixels: are the first still recognised?",
    version=2,
    protocol=ContinualLearner,
    setup=ContinualSetup,
    metrics=METRICS,
    rules=_PermutedRules(),
    tiers={
        Tier.SMOKE: _mlp(
            "glyphs", seconds=0.2, tasks=2, train=10, test=10, size=12, memory=20, epochs=2, learning_rate=0.03
        ),
        Tier.QUICK: _mlp("glyphs", seconds=3, tasks=5, train=100, test=50, size=20, epochs=4, learning_rate=0.03),
        Tier.STANDARD: _mlp("mnist", seconds=40, tasks=5, train=1000, test=None, epochs=5),
        Tier.PAPER: _mlp("mnist", seconds=600, tasks=10, train=None, test=None, memory=1000, epochs=5, hold_out=0.1),
    },
)
