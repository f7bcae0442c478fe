"""What the three tracks of `distribution_shift` share: interface, sizes, data, and how scores are taken."""

from __future__ import annotations

from abc import ABC
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import DataError
from benchmark.tasks.answers import Floats
from benchmark.tasks.rules import Budget, Contestant, Rules, Setup

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import Split
    from benchmark.data.source import Source
    from benchmark.seeding import Draw
    from benchmark.tasks.distribution_shift.network import Classifier


class Learner(Protocol):
    """What a method of `label_noise` implements; the other tracks ask for more. Built once as `Method(setup)`."""

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """Start anew on a training set. images: (n, c, h, w) float32 in [0, 1];  labels: (n,) int64."""

    def epoch(self, index: int) -> None:
        """Train for one epoch, the index-th since `begin`, of the setup's `epochs`."""

    def scores(self, images: Tensor) -> Tensor:
        """Return finite scores (n, classes) of raw images (n, c, h, w); their softmax is taken as probability."""


@dataclass(frozen=True, slots=True)
class ShiftSetup(Setup):
    """What the contestant is told. weight_decay: of SGD;  mean, std: per channel, of the first training set;
    decay: "cosine" to zero, or "steps" that divide the rate by ten after 30, 60 and 80 % of the epochs;  radius: of the
    attacks, the middle one, 0 where there are none."""

    network: str
    image_shape: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    decay: str
    radius: float = 0.0

    def model(self) -> Classifier:
        """The standard network on the setup's device, with the same initial weights for every method."""
        from benchmark.tasks.distribution_shift.network import Classifier

        return Classifier(
            self.network,
            image_shape=self.image_shape,
            classes=self.classes,
            mean=self.mean,
            std=self.std,
            generator=self.generator("weights"),
        ).to(self.device)


@dataclass(frozen=True, slots=True)
class ShiftBudget(Budget):
    """Sizes of a tier. train, test: images per class;  size: of drawn images;  coarse: side to which grey images are
    brought before use, 0 for their own;  levels: noise levels or attack radii;  every: epochs between looks at the test
    images;  checked: test images under PGD."""

    train: int
    test: int
    size: int
    coarse: int
    network: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    decay: str
    levels: tuple[float, ...] = ()
    every: int = 1
    checked: int = 0


@dataclass(frozen=True, slots=True)
class Labelled:
    """images: (n, c, h, w) float32 in [0, 1];  labels: (n,) int64."""

    images: Tensor
    labels: Tensor


class ShiftRules(Rules, ABC):
    """What the three tracks tell alike."""

    def tell(self, sizes: ShiftBudget, data: Any) -> dict[str, Any]:
        """See `Rules.tell`; data has a part `train`, which is `Labelled`."""
        images = data.train.images
        shared = {k: v for k, v in asdict(sizes).items() if k in ShiftSetup.__dataclass_fields__}
        return {
            **shared,
            "image_shape": tuple(images.shape[1:]),
            "classes": int(data.train.labels.max()) + 1,
            "mean": tuple(images.mean((0, 2, 3)).tolist()),
            "std": tuple(images.std((0, 2, 3)).clamp_min(1e-6).tolist()),
        }


def shapes(source: Source, sizes: ShiftBudget, part: Split, *, classes: list[int], count: int, draw: Draw) -> Labelled:
    """Images of a split in [0, 1], grey ones brought to the budget's side by averaging."""
    import torch.nn.functional as F

    drawn = source.images(part, classes=classes, per_class=count, size=sizes.size, draw=draw)
    images = drawn.images.float().div_(255)
    if sizes.coarse and images.shape[1] == 1:
        images = F.adaptive_avg_pool2d(images, sizes.coarse)
    return Labelled(images, drawn.labels)


def train_and_test(source: Source, sizes: ShiftBudget, draw: Draw) -> tuple[Labelled, Labelled]:
    """Clean data of up to ten classes. Raises DataError for fewer than two."""
    classes = list(range(min(source.class_count(), 10)))
    if len(classes) < 2:
        raise DataError(f"dataset {source.entry.name!r} has {len(classes)} class; this track needs two or more")
    train = shapes(source, sizes, "train", classes=classes, count=sizes.train, draw=draw)
    return train, shapes(source, sizes, "test", classes=classes, count=sizes.test, draw=draw)


def scores_of(contestant: Contestant, part: Labelled, train: Labelled) -> Tensor:
    """Ask for scores (n, classes) of a part's images."""
    wanted = Floats(len(part.images), int(train.labels.max()) + 1)
    scores: Tensor = contestant.call("scores", part.images, reply=wanted)
    return scores


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """Percentage right of scores (n, classes)."""
    return percent(scores.argmax(1) == labels)


def percent(right: Tensor) -> float:
    """Share of true ones, in %."""
    return 100 * float(right.double().mean())


def mean(values: list[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def budget(data: str, *, seconds: float, **sizes: Any) -> ShiftBudget:
    """A budget with what most tiers of this task have in common."""
    defaults: dict[str, Any] = {"size": 14, "coarse": 0, "weight_decay": 5e-4, "decay": "cosine"}
    return ShiftBudget(data, seconds, **(defaults | sizes))
