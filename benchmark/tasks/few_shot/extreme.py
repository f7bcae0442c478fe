"""The track `few_shot.extreme`: a target that differs in kind from the base, seen without labels first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats, wrong
from benchmark.tasks.few_shot.class_split import class_split
from benchmark.tasks.few_shot.rules import METRICS, SHOTS, SIZES, FewShotBudget, draw_episodes, recipe, score
from benchmark.tasks.rules import Contestant, Network, Outcome, Rules, Setup
from benchmark.tasks.track import Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import LabelledImages
    from benchmark.data.source import Source
    from benchmark.learning.models.backbone import Backbone
    from benchmark.learning.pretraining import ClassifierRecipe
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw
    from benchmark.tasks.few_shot.episodes import Episodes

_SHOWN_PER_CLASS = 60


class Adapter(Protocol):
    """What a method of `few_shot.extreme` implements. Built once per job as `Method(setup)`."""

    def adapt(
        self, weights: dict[str, Tensor], base_images: Tensor, base_labels: Tensor, target_images: Tensor
    ) -> None:
        """Adapt to the target. weights: state of `setup.model()`, trained on the base;  base_images, target_images:
        (n, c, h, w) float32, standardised by the base's statistics;  base_labels: (n,) int64 in [0, base_classes)."""

    def embed(self, images: Tensor) -> Tensor:
        """Return features (n, d) of target images (n, c, h, w), each computed from its image alone."""


@dataclass(frozen=True, slots=True)
class TransferSetup(Setup):
    """What a contestant of `extreme` is told. widths: of the backbone;  steps: of training, with `batch_size` images of
    the base and as many of the target each."""

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...]
    base_classes: int
    steps: int
    batch_size: int
    learning_rate: float

    def model(self) -> Backbone:
        """The standard backbone on the setup's device, with the same initial weights for every method."""
        from benchmark.learning.models.backbone import Backbone

        channels, size, _ = self.image_shape
        return Backbone(channels, size, self.widths, self.base_classes, generator=self.generator("weights")).to(
            self.device
        )


@dataclass(frozen=True, slots=True)
class TransferBudget(FewShotBudget):
    """`data` is the target; base_data: what the backbone learns;  unlabelled: target images per class;  student_*: the
    budget of `adapt`."""

    base_data: str
    unlabelled: int | None
    student_steps: int
    student_batch: int
    student_rate: float


@dataclass(frozen=True, slots=True)
class Extreme:
    """base, unlabelled, pool: images (n, c, h, w) uint8 of one shape;  episodes: on the pool, which may be drawn."""

    recipe: ClassifierRecipe
    weights: dict[str, Tensor]
    base: LabelledImages
    unlabelled: Tensor
    pool: LabelledImages
    episodes: Episodes
    drawn: bool


def _teacher(sizes: TransferBudget, draw: Draw) -> tuple[LabelledImages, ClassifierRecipe, dict[str, Tensor]]:
    """The base images, and the network that learned them, on which students start."""
    from benchmark.data.catalogue import catalogue
    from benchmark.data.source import Source
    from benchmark.learning import pretraining

    world = Source.of(catalogue.find(sizes.base_data))
    classes = class_split(world.entry.name, world.classes()).base
    base = world.pool("train", classes=classes, per_class=sizes.base, size=sizes.size, draw=draw)
    plan = recipe(sizes, base, draw.seed)
    return base, plan, pretraining.pretrained(plan, base, device=draw.device)


class _ExtremeRules(Rules):
    def needs(self, sizes: TransferBudget) -> tuple[str, ...]:
        return (sizes.base_data,)

    def networks(self, sizes: TransferBudget, source: Source, draw: Draw) -> tuple[Network, ...]:
        return (Network("teacher", sizes.seconds, partial(_teacher, sizes, draw)),)

    def prepare(self, sizes: TransferBudget, source: Source, draw: Draw) -> Extreme:
        base, plan, weights = _teacher(sizes, draw)
        classes, size = list(range(source.class_count())), sizes.size
        unlabelled = source.images("train", classes=classes, per_class=sizes.unlabelled, size=size, draw=draw)
        pool = source.images("test", classes=classes, per_class=sizes.novel, size=size, draw=draw)
        like = (base.images.shape[1], base.images.shape[2])
        return Extreme(
            plan,
            weights,
            base,
            _conformed(unlabelled, *like).images,
            _conformed(pool, *like),
            draw_episodes(sizes, pool, draw),
            source.drawn,
        )

    def tell(self, sizes: TransferBudget, data: Extreme) -> dict[str, Any]:
        return {
            "image_shape": tuple(data.base.images.shape[1:]),
            "widths": sizes.widths,
            "base_classes": len(data.base.classes),
            "steps": sizes.student_steps,
            "batch_size": sizes.student_batch,
            "learning_rate": sizes.student_rate,
        }

    def judge(self, contestant: Contestant, sizes: TransferBudget, data: Extreme, clock: Clock) -> Outcome:
        from benchmark.tasks.few_shot import logistic

        with clock.running("data"):
            base, target, pool = (
                data.recipe.standardise(images) for images in (data.base.images, data.unlabelled, data.pool.images)
            )
        contestant.call("adapt", data.weights, base, data.base.labels, target)
        features = contestant.call("embed", pool, reply=Floats(len(pool), "d"))
        rate = len(pool) / contestant.seconds("embed")
        _check_alone(contestant, pool, features)
        scaled = features / features.square().mean().sqrt().clamp_min(1e-12)
        episodes, right = data.episodes, {}
        for shots in SHOTS:
            support, labels = episodes.shots(shots)
            heads = logistic.fit(scaled[support], labels, classes=sizes.ways)
            right[shots] = heads.predict(scaled[episodes.queries]) == episodes.query_labels
        picture = {"features": _pool_picture(scaled, data.pool.labels, sizes.ways)} if data.drawn else {}
        return score(right, {"embedded images/s": rate}, picture)


def _conformed(images: LabelledImages, channels: int, size: int) -> LabelledImages:
    """Images of the target in the base's shape: grey or colour as it is, and of its size."""
    from torchvision.transforms.v2 import functional as vision

    from benchmark.data.catalogue import LabelledImages

    pixels = images.images
    if channels not in (1, 3) or pixels.shape[1] not in (1, 3):
        raise DataError(f"base images have {channels} channels, the target's {pixels.shape[1]}; tracks need 1 or 3")
    if channels < pixels.shape[1]:
        pixels = vision.rgb_to_grayscale(pixels)
    elif channels > pixels.shape[1]:
        pixels = pixels.expand(-1, channels, -1, -1)
    if tuple(pixels.shape[2:]) != (size, size):
        pixels = vision.resize(pixels, [size, size], antialias=True)
    return LabelledImages(pixels.contiguous(), images.labels, images.classes)


def _check_alone(contestant: Contestant, pool: Tensor, features: Tensor) -> None:
    """Embed some images in other company. Raises ContestantError if features depend on what else is in the batch."""
    some = slice(0, len(pool), max(1, len(pool) // 30))
    expected = features[some]
    again = contestant.call("embed", pool[some], reply=Floats(*expected.shape), phase="check")
    differing = float((again - expected).abs().max())
    if differing > 1e-3 * float(features.abs().mean()) + 1e-6:
        raise wrong(
            "embed",
            f"gives an image other features in another batch (they differ by {differing:.3g}); "
            "compute each from its image alone, with batch-norm in evaluation mode",
        )


def _pool_picture(features: Tensor, labels: Tensor, ways: int) -> dict[str, list[float]]:
    """Features of some images of the first classes, in the plane of these classes' means."""
    import torch

    from benchmark.tasks.few_shot.projection import plane

    inside = labels < ways
    some = torch.cat([(labels == label).nonzero().squeeze(1)[:_SHOWN_PER_CLASS] for label in range(ways)])
    x, y = plane(features[some], features[inside], labels[inside])
    return {"x": x, "y": y, "class": [float(label) for label in labels[some].tolist()]}


def _transfer(data: str, *, seconds: float, **sizes: Any) -> TransferBudget:
    """A budget of `extreme`: characters as the base."""
    student: dict[str, Any] = {"base_data": "glyphs", "unlabelled": 100, "student_batch": 64, "student_rate": 0.1}
    return TransferBudget(data, seconds, **(SIZES | {"augment": True} | student | sizes))  # augmented as released


track: Track[Adapter] = Track(
    "few_shot.extreme",
    question="The target differs in kind and shows images without labels first: does self-training on them help?",
    version=2,
    protocol=Adapter,
    setup=TransferSetup,
    metrics=METRICS,
    rules=_ExtremeRules(),
    tiers={
        Tier.SMOKE: _transfer(
            "drawings", seconds=0.3, base=8, novel=20, unlabelled=5, size=12, widths=(8, 16), epochs=1, student_steps=3,
            student_batch=8, episodes=12,
        ),
        Tier.QUICK: _transfer("drawings", seconds=4, base=30, novel=40, unlabelled=40, epochs=6, student_steps=100),
        Tier.STANDARD: _transfer(
            "mnist-textures",
            seconds=60,
            base=60,
            novel=400,
            unlabelled=200,
            size=28,
            epochs=8,
            student_steps=400,
            episodes=1000,
        ),
    },
)  # fmt: skip
