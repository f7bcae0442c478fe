"""The track `forgetting.split`: every task has classes and a head of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from benchmark.errors import DataError
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
class Split:
    """Each task has classes of its own; standardised per channel by the first task's training images."""

    train: tuple[LabelledImages, ...]
    test: tuple[LabelledImages, ...]
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.train)

    def domain(self, index: int) -> Domain:
        """Standardise; a learner that meets tasks in order can know the statistics of the first only."""
        train, test = self.train[index], self.test[index]
        images = ((part.images.float().div_(255) - self.mean) / self.std for part in (train, test))
        train_images, test_images = images
        return Domain(train_images, train.labels, test_images, test.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """See `Domains.image_shape`."""
        channels, height, width = self.train[0].images.shape[1:]
        return channels, height, width


class _SplitRules(ContinualRules):
    one_head = False

    def prepare(self, sizes: ContinualBudget, source: Source, draw: Draw) -> Split:
        import torch

        wanted = sizes.tasks * sizes.classes
        if source.class_count() < wanted:
            raise DataError(
                f"dataset {source.entry.name!r} has {source.class_count()} classes; {sizes.tasks} tasks of "
                f"{sizes.classes} need {wanted}"
            )
        # The paper takes classes in their natural order; drawn ones are dealt anew per seed.
        order = list(range(wanted))
        if source.drawn:
            dealt = torch.randperm(source.class_count(), generator=draw.generator("classes"))
            order = dealt[:wanted].tolist()
        parts: list[tuple[Literal["train", "test"], int | None]] = [("train", sizes.train), ("test", sizes.test)]
        groups = [order[start : start + sizes.classes] for start in range(0, wanted, sizes.classes)]
        train, test = (
            tuple(source.images(split, classes=group, per_class=count, size=sizes.size, draw=draw) for group in groups)
            for split, count in parts
        )
        first = train[0].images.float().div_(255)
        mean, std = first.mean((0, 2, 3))[:, None, None], first.std((0, 2, 3))[:, None, None]
        return Split(train, test, mean, std.clamp_min(1e-6))


def _convnet(data: str, *, seconds: float, tasks: int, classes: int, **sizes: Any) -> ContinualBudget:
    """A budget of the split track."""
    defaults: dict[str, Any] = {
        "train": None,
        "test": None,
        "size": 32,
        "network": "convnet",
        "memory": 200,
        "learning_rate": 0.05,
    }
    return ContinualBudget(data, seconds, tasks=tasks, classes=classes, **(defaults | sizes))


track: Track[ContinualLearner] = Track(
    "forgetting.split",
    question="One head per task, each with classes of its own: does the body keep what the first heads need?",
    version=2,
    protocol=ContinualLearner,
    setup=ContinualSetup,
    metrics=METRICS,
    rules=_SplitRules(),
    tiers={
        Tier.SMOKE: _convnet(
            "glyphs", seconds=0.2, tasks=2, classes=3, train=10, test=10, size=12, memory=20, epochs=2, batch_size=10
        ),
        Tier.QUICK: _convnet(
            "glyphs",
            seconds=3,
            tasks=5,
            classes=6,
            train=50,
            test=50,
            size=14,
            epochs=8,
            batch_size=20,
            learning_rate=0.1,
        ),
        Tier.STANDARD: _convnet("cifar10", seconds=300, tasks=5, classes=2, epochs=5, batch_size=32),
        # Appendix of the paper and its released code: rate .01, divided by 2 after 6 epochs without a better
        # validation loss, until 1e-5; at most 200 epochs; 5 % held out.
        Tier.PAPER: _convnet(
            "cifar100", seconds=20000, tasks=10, classes=10, network="alexnet", memory=2000, epochs=200, batch_size=64,
            learning_rate=0.01, hold_out=0.05, patience=6,
        ),
    },
)  # fmt: skip
