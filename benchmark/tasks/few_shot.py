"""Few-shot transfer: what do features learned on other classes, or in another world, say about a handful of examples?

Rules
  The harness trains one backbone per dataset and seed on base classes and hands it, or its features, to every method.
  An episode has 5 novel classes, K labelled images of each (the support) and 15 queries of each; it is drawn by the
  judge, and the labels of the queries stay there. Episodes of 1 and of 5 shots share their queries.
  `novel_classes`: the contestant `observe`s the features of the base classes with their labels, then gets all episodes
    of one K at once and answers `classify`. Features come from the backbone's last ReLU and are not negative; they are
    divided by one number, their mean norm on the base classes, so that the strength of a regulariser means the same for
    every backbone. Which classes are base and which novel is fixed per dataset (`benchmark.class_split`).
  `extreme`: base and target differ in kind. The contestant gets the trained backbone, the base images and unlabelled
    images of the target, and `adapt`s within a budget of steps. Then it `embed`s images of the target, among them those
    of the episodes, each by itself: the judge embeds some again in other company and compares. The judge fits the same
    linear head to every method's features, divided by their root mean square.
    Unlabelled images come from the target's training split, episodes from its test split: they show the same classes
    (Phoo & Hariharan 2021, section 4: 20 % of the target, without labels) but never the same images.
  Head: multinomial logistic regression with scikit-learn's defaults (`benchmark.logistic`).

Metrics: mean accuracy over episodes at 1 shot and at 5 shots; `raw` holds every episode's accuracy, for paired
  differences. The half width of the 95 % interval over episodes (1.96 standard errors) is in the curve "shots". The
  curve "features" shows some images in a plane; records of real data hold scores alone, so that they can be published.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.class_split import class_split
from benchmark.errors import ContestantError, DataError
from benchmark.job import Tier
from benchmark.seeding import generator
from benchmark.source import Source
from benchmark.task import Budget, Metric, Outcome, Setup, Task, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.contestant import Contestant
    from benchmark.data import LabelledImages
    from benchmark.episodes import Episodes
    from benchmark.measure import Clock
    from benchmark.models.backbone import Backbone
    from benchmark.pretraining import Recipe

SHOTS = (1, 5)
ONE_SHOT = Metric("accuracy_1_shot", "%", True, "mean accuracy over episodes with one labelled image per class")
FIVE_SHOT = Metric("accuracy_5_shot", "%", True, "mean accuracy over episodes with five labelled images per class")
_METRICS = (ONE_SHOT, FIVE_SHOT)

_SHOWN_EPISODE = 0
_SHOWN_PER_CLASS = 60
_CHUNK = 500
"""Episodes sent at once: in the paper's sizes, more would not fit a message."""


class EpisodeClassifier(Protocol):
    """What a method of `few_shot.novel_classes` implements. Built once per job as `Method(setup)`."""

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """Take note of the base classes. features: (n, d) float32, not negative;  labels: (n,) in [0, base_classes)."""

    def classify(self, support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
        """Return the classes (E, Q) int64 of the queries of E episodes.

        support: (E, ways * K, d) float32;  labels: (E, ways * K) int64 in [0, ways);  queries: (E, Q, d) float32
        """


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
class EpisodeSetup(Setup):
    """What a contestant of `novel_classes` is told. dimensions: d;  base_classes: in `observe`."""

    ways: int
    dimensions: int
    base_classes: int


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
        from benchmark.models.backbone import Backbone

        channels, size, _ = self.image_shape
        return Backbone(channels, size, self.widths, self.base_classes, generator=self.generator("weights")).to(
            self.device
        )


@dataclass(frozen=True, slots=True)
class FewShotBudget(Budget):
    """Sizes of a tier. base, novel: images per class for training and for episodes (None: all there are);  size: of
    drawn images;  widths ... augment: how the backbone is trained;  queries: per class."""

    base: int | None
    novel: int | None
    size: int
    widths: tuple[int, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    augment: bool
    ways: int
    queries: int
    episodes: int


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
class NovelClasses:
    """base, novel: features (n, d) with labels (n,);  episodes: on the novel ones;  drawn: from a seed, not real."""

    base: Tensor
    base_labels: Tensor
    novel: Tensor
    episodes: Episodes
    drawn: bool


@dataclass(frozen=True, slots=True)
class Extreme:
    """base, unlabelled, pool: images (n, c, h, w) uint8 of one shape;  episodes: on the pool, which may be drawn."""

    recipe: Recipe
    weights: dict[str, Tensor]
    base: LabelledImages
    unlabelled: Tensor
    pool: LabelledImages
    episodes: Episodes
    drawn: bool


class _NovelClassesRules:
    def compared(self, budget: FewShotBudget, source: Source) -> dict[str, str]:
        return {"classes": class_split(source.entry.name, source.classes()).fingerprint}

    def needs(self, budget: FewShotBudget) -> tuple[str, ...]:
        return ()

    def prepare(self, budget: FewShotBudget, source: Source, *, seed: int, salt: str, device: str) -> NovelClasses:
        from benchmark import pretraining

        split = class_split(source.entry.name, source.classes())
        base = source.pool(classes=split.base, per_class=budget.base, size=budget.size, seed=seed)
        novel = source.pool(classes=split.novel, per_class=budget.novel, size=budget.size, seed=seed, salt=salt)
        recipe = _recipe(budget, base, seed)
        weights = pretraining.pretrained(recipe, base, device=device)
        known, unknown = (pretraining.features(recipe, weights, part.images, device=device) for part in (base, novel))
        if not bool(known.isfinite().all() and unknown.isfinite().all()):
            raise DataError(
                f"the backbone trained on {source.entry.name!r} gives features that are NaN or infinite; its training "
                f"diverged: lower the tier's learning rate of {budget.learning_rate:g}"
            )
        scale = known.norm(dim=1).mean().clamp_min(1e-12)
        return NovelClasses(
            known / scale,
            base.labels,
            unknown / scale,
            _episodes(budget, novel, "few_shot.novel_classes", seed, salt),
            source.drawn,
        )

    def setup(
        self, budget: FewShotBudget, data: NovelClasses, *, track: str, seed: int, device_name: str
    ) -> EpisodeSetup:
        return EpisodeSetup(seed, track, device_name, budget.ways, data.base.shape[1], int(data.base_labels.max()) + 1)

    def judge(self, contestant: Contestant, budget: FewShotBudget, data: NovelClasses, clock: Clock) -> Outcome:
        import torch

        from benchmark import answers

        contestant.call("observe", data.base, data.base_labels)
        episodes = data.episodes
        answered: dict[int, Tensor] = {}
        rates = {}
        for shots in SHOTS:
            support, labels = episodes.shots(shots)
            phase = f"{shots}-shot"
            parts = zip(support.split(_CHUNK), labels.split(_CHUNK), episodes.queries.split(_CHUNK), strict=True)
            replies = [
                answers.classes(
                    contestant.call("classify", data.novel[some], known, data.novel[asked], phase=phase),
                    "classify",
                    budget.ways,
                    *asked.shape,
                )
                for some, known, asked in parts
            ]
            answered[shots] = torch.cat(replies)
            rates[f"{phase} episodes/s"] = len(episodes) / contestant.seconds(phase)
        right = {shots: answered[shots] == episodes.query_labels for shots in SHOTS}
        picture = {"features": _episode_picture(data, answered[SHOTS[0]])} if data.drawn else {}
        return _score(right, rates, picture)


class _ExtremeRules:
    def compared(self, budget: TransferBudget, source: Source) -> dict[str, str]:
        return {}

    def needs(self, budget: TransferBudget) -> tuple[str, ...]:
        return (budget.base_data,)

    def prepare(self, budget: TransferBudget, source: Source, *, seed: int, salt: str, device: str) -> Extreme:
        from benchmark import pretraining
        from benchmark.data import catalogue

        world = Source.of(catalogue.find(budget.base_data))
        base_classes = class_split(world.entry.name, world.classes()).base
        base = world.pool(classes=base_classes, per_class=budget.base, size=budget.size, seed=seed)
        classes, size = list(range(source.class_count())), budget.size
        unlabelled = source.images(
            "train", classes=classes, per_class=budget.unlabelled, size=size, seed=seed, salt=salt
        )
        pool = source.images("test", classes=classes, per_class=budget.novel, size=size, seed=seed, salt=salt)
        like = (base.images.shape[1], base.images.shape[2])
        recipe = _recipe(budget, base, seed)
        return Extreme(
            recipe,
            pretraining.pretrained(recipe, base, device=device),
            base,
            _conformed(unlabelled, *like).images,
            _conformed(pool, *like),
            _episodes(budget, pool, "few_shot.extreme", seed, salt),
            source.drawn,
        )

    def setup(self, budget: TransferBudget, data: Extreme, *, track: str, seed: int, device_name: str) -> TransferSetup:
        _, channels, height, width = data.base.images.shape
        return TransferSetup(
            seed=seed,
            track=track,
            device_name=device_name,
            image_shape=(channels, height, width),
            widths=budget.widths,
            base_classes=len(data.base.classes),
            steps=budget.student_steps,
            batch_size=budget.student_batch,
            learning_rate=budget.student_rate,
        )

    def judge(self, contestant: Contestant, budget: TransferBudget, data: Extreme, clock: Clock) -> Outcome:
        from benchmark import answers, logistic

        with clock.running("data"):
            base, target, pool = (
                data.recipe.standardise(images) for images in (data.base.images, data.unlabelled, data.pool.images)
            )
        contestant.call("adapt", data.weights, base, data.base.labels, target)
        features = answers.floats(contestant.call("embed", pool), "embed", len(pool), "d")
        rate = len(pool) / contestant.seconds("embed")
        _check_alone(contestant, pool, features)
        scaled = features / features.square().mean().sqrt().clamp_min(1e-12)
        episodes, right = data.episodes, {}
        for shots in SHOTS:
            support, labels = episodes.shots(shots)
            heads = logistic.fit(scaled[support], labels, classes=budget.ways)
            right[shots] = heads.predict(scaled[episodes.queries]) == episodes.query_labels
        picture = {"features": _pool_picture(scaled, data.pool.labels, budget.ways)} if data.drawn else {}
        return _score(right, {"embedded images/s": rate}, picture)


def _recipe(budget: FewShotBudget, base: LabelledImages, seed: int) -> Recipe:
    from benchmark.pretraining import Recipe

    return Recipe.of(
        base,
        seed=seed,
        widths=budget.widths,
        epochs=budget.epochs,
        batch_size=budget.batch_size,
        learning_rate=budget.learning_rate,
        augment=budget.augment,
    )


def _episodes(budget: FewShotBudget, pool: LabelledImages, track: str, seed: int, salt: str) -> Episodes:
    from benchmark import episodes

    return episodes.draw(
        pool.labels,
        episodes=budget.episodes,
        ways=budget.ways,
        shots=max(SHOTS),
        queries=budget.queries,
        generator=generator(seed, track, "episodes", salt),
    )


def _conformed(images: LabelledImages, channels: int, size: int) -> LabelledImages:
    """Images of the target in the base's shape: grey or colour as it is, and of its size."""
    from torchvision.transforms.v2 import functional as vision

    from benchmark.data import LabelledImages

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
    from benchmark import answers

    some = slice(0, len(pool), max(1, len(pool) // 30))
    expected = features[some]
    again = answers.floats(contestant.call("embed", pool[some], phase="check"), "embed", *expected.shape)
    differing = float((again - expected).abs().max())
    if differing > 1e-3 * float(features.abs().mean()) + 1e-6:
        raise ContestantError(
            "invalid_output",
            f"embed() gives an image other features in another batch (they differ by {differing:.3g}); "
            "compute each from its image alone, with batch-norm in evaluation mode",
        )


def _score(right: dict[int, Tensor], rates: dict[str, float], curves: dict[str, dict[str, list[float]]]) -> Outcome:
    """Metrics of right answers (E, Q) per number of shots."""
    metrics = {}
    shots_curve: dict[str, list[float]] = {"shots": [], "accuracy": [], "half_width_95": []}
    for metric, (shots, answers) in zip(_METRICS, right.items(), strict=True):
        accuracies = answers.double().mean(1) * 100
        mean = float(accuracies.mean())
        metrics[metric.name] = metric.value(mean, raw=[round(value, 4) for value in accuracies.tolist()], per="episode")
        error = float(accuracies.std()) / math.sqrt(len(accuracies)) if len(accuracies) > 1 else 0.0
        for column, value in (("shots", shots), ("accuracy", mean), ("half_width_95", 1.96 * error)):
            shots_curve[column].append(float(value))
    return Outcome(metrics=metrics, curves={"shots": shots_curve, **curves}, rates=rates)


def _episode_picture(data: NovelClasses, answers: Tensor) -> dict[str, list[float]]:
    """One 1-shot episode in the plane of its classes' means: kind 0 base class, 1 support, 2 query."""
    import torch

    from benchmark.projection import plane

    episode = _SHOWN_EPISODE
    support, labels = (part[episode] for part in data.episodes.shots(1))
    queries, classes = data.episodes.queries[episode], data.episodes.query_labels[episode]
    count = int(data.base_labels.max()) + 1
    sums = torch.zeros(count, data.base.shape[1]).index_add_(0, data.base_labels, data.base)
    means = sums / torch.bincount(data.base_labels, minlength=count).unsqueeze(1)
    points = torch.cat([means, data.novel[support], data.novel[queries]])
    x, y = plane(points, data.novel[queries], classes)
    kinds = [0] * count + [1] * len(support) + [2] * len(queries)
    none = [-1.0] * count
    return {
        "x": x,
        "y": y,
        "kind": [float(kind) for kind in kinds],
        "class": none + [float(label) for label in (*labels.tolist(), *classes.tolist())],
        "answer": none + [float(label) for label in (*labels.tolist(), *answers[episode].tolist())],
    }


def _pool_picture(features: Tensor, labels: Tensor, ways: int) -> dict[str, list[float]]:
    """Features of some images of the first classes, in the plane of these classes' means."""
    import torch

    from benchmark.projection import plane

    inside = labels < ways
    some = torch.cat([(labels == label).nonzero().squeeze(1)[:_SHOWN_PER_CLASS] for label in range(ways)])
    x, y = plane(features[some], features[inside], labels[inside])
    return {"x": x, "y": y, "class": [float(label) for label in labels[some].tolist()]}


_SIZES: dict[str, Any] = {
    "base": None, "novel": None, "size": 16, "widths": (16, 32, 32, 64), "batch_size": 64, "learning_rate": 3e-3,
    "augment": False, "ways": 5, "queries": 15, "episodes": 600,
}  # fmt: skip


def _novel(data: str, *, seconds: float, **sizes: Any) -> FewShotBudget:
    """A budget of `novel_classes`: a small Conv-4 unless it says otherwise."""
    return FewShotBudget(data, seconds, **(_SIZES | sizes))


novel_classes: Track[EpisodeClassifier] = Track(
    "few_shot.novel_classes",
    question="One or five images of a class never seen, described by features of other classes: which is which?",
    version=1,
    protocol=EpisodeClassifier,
    setup=EpisodeSetup,
    metrics=_METRICS,
    rules=_NovelClassesRules(),
    uses=("class_split", "episodes", "pretraining", "augmentation"),
    tiers={
        Tier.SMOKE: _novel("families", seconds=0.3, base=10, novel=20, size=12, widths=(8, 16), epochs=1, episodes=12),
        Tier.QUICK: _novel("families", seconds=3, base=60, novel=30, epochs=6, widths=(16, 32, 32, 32)),
        Tier.STANDARD: _novel(
            "omniglot", seconds=60, widths=(64, 64, 64, 64), size=28, epochs=30, augment=True, episodes=2000
        ),
    },
)


def _transfer(data: str, *, seconds: float, **sizes: Any) -> TransferBudget:
    """A budget of `extreme`: characters as the base."""
    student: dict[str, Any] = {"base_data": "glyphs", "unlabelled": 100, "student_batch": 64, "student_rate": 0.1}
    return TransferBudget(data, seconds, **(_SIZES | student | sizes))


extreme: Track[Adapter] = Track(
    "few_shot.extreme",
    question="The target differs in kind and shows images without labels first: does self-training on them help?",
    version=1,
    protocol=Adapter,
    setup=TransferSetup,
    metrics=_METRICS,
    rules=_ExtremeRules(),
    uses=("class_split", "episodes", "pretraining", "augmentation", "transfer", "logistic"),
    tiers={
        Tier.SMOKE: _transfer(
            "drawings", seconds=0.3, base=8, novel=20, unlabelled=5, size=12, widths=(8, 16), epochs=1, student_steps=3,
            student_batch=8, episodes=12,
        ),
        Tier.QUICK: _transfer("drawings", seconds=5, base=40, novel=40, unlabelled=40, epochs=6, student_steps=150),
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

task = Task(
    "few_shot", "What do features say about classes and worlds they were not learned on?", (novel_classes, extreme)
)
