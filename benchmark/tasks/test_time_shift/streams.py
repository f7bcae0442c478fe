"""What the judge of `test_time_shift.corruption` makes streams of: the source model, test images, their corruptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from benchmark.errors import DataError
from benchmark.seeding import generator
from benchmark.tasks.rules import Budget
from benchmark.tasks.test_time_shift import corruptions

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import LabelledImages
    from benchmark.data.source import Source
    from benchmark.learning.pretraining import ClassifierRecipe
    from benchmark.results.pictures import Picture
    from benchmark.seeding import Draw

WORST = corruptions.SEVERITIES[-1]
_KEPT_BYTES = 2**20
"""Corrupted images of a stream are kept for the next method if they are at most as large."""


@dataclass(frozen=True, slots=True)
class StreamBudget(Budget):
    """Sizes of a tier. classes: at most;  train: images per class for the source (None: all);  size: of drawn images;
    widths ... mirror: see `benchmark.learning.pretraining.ClassifierRecipe`, whose batch_size is `source_batch`;
    images: in a stream at severity 5;  brief: clean, and at other severities;  severities: those that are shown;
    short: of each of the corruptions `others` at severity 5 without reset, in small batches, or sorted;  samples: of
    the source's images that contestants get;  study: of those that references get, corrupted, with labels."""

    classes: int
    train: int | None
    size: int
    widths: tuple[int, ...]
    blocks: int
    epochs: int
    source_batch: int
    learning_rate: float
    augment: bool
    mirror: bool
    images: int
    brief: int
    severities: tuple[int, ...]
    short: int
    others: tuple[str, ...]
    batch_size: int
    small_batch: int
    samples: int
    study: int


@dataclass(frozen=True, slots=True)
class Streams:
    """What the judge holds.

    samples: source images;  test: clean images with labels, in stream order;  learned: source images with labels, for
    references;  path: of the seed of all corruptions;  pictured: the record shall show them;  made: streams by
    corruption, severity and length, as all methods of a seed meet the same.
    """

    recipe: ClassifierRecipe
    weights: dict[str, Tensor]
    samples: Tensor
    test: LabelledImages
    learned: LabelledImages
    path: tuple[int | str, ...]
    pictured: bool
    made: dict[tuple[str, int, int], Tensor] = field(default_factory=dict)

    def corrupted(self, name: str, severity: int, count: int) -> Tensor:
        """The first test images, (count, c, h, w) uint8, corrupted."""
        found = self.made.get((name, severity, count))
        if found is None:
            rng = generator(*self.path, name, severity)
            found = corruptions.corrupt(self.test.images[:count], name, severity, generator=rng)
            if found.numel() <= _KEPT_BYTES:
                self.made[name, severity, count] = found
        return found

    def study(self, severities: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Training images (n, c, h, w) uint8 and their labels (n,): as many of each corruption at each severity, and of
        clean ones, in random order."""
        import torch

        kinds = [(name, severity) for name in corruptions.NAMES for severity in severities]
        count = len(self.learned.images)
        images = self.learned.images.clone()
        for place, (name, severity) in enumerate(kinds):
            rng = generator(*self.path, "study", name, severity)
            mine = slice(place, None, len(kinds) + 1)
            images[mine] = corruptions.corrupt(images[mine], name, severity, generator=rng)
        order = torch.randperm(count, generator=generator(*self.path, "study"))
        return images[order], self.learned.labels[order]

    def sheet(self) -> Picture:
        """One image under every corruption: rows are severities, the first without any."""
        import torch

        from benchmark.results import pictures

        image = self.test.images[:1]

        def shown(name: str, severity: int) -> Tensor:
            rng = generator(*self.path, "shown", name)
            return corruptions.corrupt(image, name, severity, generator=rng) if severity else image

        rows = [
            torch.cat([shown(name, severity) for name in corruptions.NAMES])
            for severity in (0, *corruptions.SEVERITIES)
        ]
        names = [name.replace("_", " ") for name in corruptions.NAMES]
        return pictures.sheet(torch.stack(rows), rows=["clean", *map(str, corruptions.SEVERITIES)], columns=names)


@lru_cache(maxsize=4)
def streams(sizes: StreamBudget, source: Source, draw: Draw) -> Streams:
    """What a seed's jobs share. Raises DataError if the source's training diverged."""
    from dataclasses import replace

    recipe, weights = source_model(sizes, source, draw)
    per_class = -(-sizes.images // recipe.classes) if source.drawn else None
    test = source.images("test", classes=list(range(recipe.classes)), per_class=per_class, size=sizes.size, draw=draw)
    train = _train(sizes, source, draw)
    learned = replace(train, images=train.images[: sizes.study].clone(), labels=train.labels[: sizes.study].clone())
    test = replace(test, images=test.images[: sizes.images].clone(), labels=test.labels[: sizes.images].clone())
    pictured = source.drawn and draw.seed == 0
    return Streams(
        recipe, weights, train.images[: sizes.samples].clone(), test, learned, draw.secret_path(), pictured
    )  # fmt: skip


def source_model(sizes: StreamBudget, source: Source, draw: Draw) -> tuple[ClassifierRecipe, dict[str, Tensor]]:
    """The network of a seed that all methods start from, trained on clean images and kept."""
    from benchmark.learning import pretraining

    train = _train(sizes, source, draw)
    recipe = pretraining.ClassifierRecipe.of(
        train,
        seed=draw.seed,
        widths=sizes.widths,
        blocks=sizes.blocks,
        epochs=sizes.epochs,
        batch_size=sizes.source_batch,
        learning_rate=sizes.learning_rate,
        augment=sizes.augment,
        mirror=sizes.mirror,
    )
    weights = pretraining.pretrained(recipe, train, device=draw.device)
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise DataError(
            f"the source model trained on {source.entry.name!r} has weights that are NaN or infinite; its training "
            f"diverged: lower the tier's learning rate of {sizes.learning_rate:g}"
        )
    return recipe, weights


def _train(sizes: StreamBudget, source: Source, draw: Draw) -> LabelledImages:
    classes = list(range(min(source.class_count(), sizes.classes)))
    return source.images("train", classes=classes, per_class=sizes.train, size=sizes.size, draw=draw)
