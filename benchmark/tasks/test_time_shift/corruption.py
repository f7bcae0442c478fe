"""The track `test_time_shift.corruption`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.seeding import generator
from benchmark.tasks.answers import Floats
from benchmark.tasks.rules import Budget, Outcome, Rules, Setup
from benchmark.tasks.test_time_shift import corruptions
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import LabelledImages
    from benchmark.data.source import Source
    from benchmark.learning.models.resnet import ResNet
    from benchmark.learning.pretraining import ClassifierRecipe
    from benchmark.machine.meters import Clock
    from benchmark.results.pictures import Picture
    from benchmark.results.record import MetricValue
    from benchmark.seeding import Draw
    from benchmark.tasks.rules import Contestant

NAME = "test_time_shift.corruption"
ERROR = Metric("error_severity_5", "%", False, "mean error over corruptions at severity 5, with a reset before each")
ALL = Metric("error_all_severities", "%", False, "the same over all severities, on shorter streams")
CLEAN = Metric("clean_error", "%", False, "error on images without corruption, adapting to them")
SHORT = Metric("error_short", "%", False, "mean error at severity 5 on the images of the three settings that follow")
CONTINUAL = Metric("error_continual", "%", False, "mean error at severity 5 with no reset between corruptions")
SMALL = Metric("error_small_batches", "%", False, "mean error at severity 5 in small batches")
SORTED = Metric("error_sorted", "%", False, "mean error at severity 5 where images come class by class")

WORST = corruptions.SEVERITIES[-1]
WINDOWS = 20
"""Parts into which the curve "stream" cuts a stream."""


class TestTimeAdapter(Protocol):
    """What a method of `corruption` implements. Built once per job as `Method(setup)`."""

    def begin(self, weights: dict[str, Tensor], images: Tensor) -> None:
        """Take the source model. weights: state of `setup.model()`;  images: (n, c, h, w) float32 in [0, 1], some that
        it was trained on, without labels. Who claims to need no source data leaves them alone."""

    def reset(self) -> None:
        """A stream begins: be as after `begin`, optimiser included."""

    def adapt(self, images: Tensor) -> Tensor:
        """Return finite scores (n, classes) of the stream's next raw images (n, c, h, w), and adapt to them.

        The last batch of a stream may be shorter, down to one image.
        """

    def reveal(self, labels: Tensor) -> None:
        """Called on references only, after each `adapt`: the labels (n,) int64 of its images."""


@dataclass(frozen=True, slots=True)
class AdaptationSetup(Setup):
    """What the contestant is told. widths, blocks: of the network;  mean, std: per channel, of the source's images;
    batch_size: of most streams."""

    image_shape: tuple[int, int, int]
    classes: int
    widths: tuple[int, ...]
    blocks: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    batch_size: int

    def model(self) -> ResNet:
        """The source network on the setup's device, before it is given weights."""
        from benchmark.learning.models.resnet import ResNet

        return ResNet(
            self.image_shape[0],
            self.widths,
            self.classes,
            blocks=self.blocks,
            mean=self.mean,
            std=self.std,
            generator=self.generator("weights"),
        ).to(self.device)


@dataclass(frozen=True, slots=True)
class StreamBudget(Budget):
    """Sizes of a tier. classes: at most;  train: images per class for the source (None: all);  size: of drawn images;
    widths ... mirror: see `benchmark.learning.pretraining.ClassifierRecipe`, whose batch_size is `source_batch`;
    images: in a stream at severity 5;  brief: at other severities, and clean;  short: of each corruption at severity 5
    without reset, in small
    batches, or sorted;  samples: of the source's images that contestants get."""

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
    short: int
    batch_size: int
    small_batch: int
    samples: int


@dataclass(frozen=True, slots=True)
class Streams:
    """What the judge holds to make the streams of.

    samples: source images;  test: clean images with labels, in stream order;  path: of the seed of their corruptions;
    pictured: the record shall show them.
    """

    recipe: ClassifierRecipe
    weights: dict[str, Tensor]
    samples: Tensor
    test: LabelledImages
    path: tuple[int | str, ...]
    pictured: bool


class _CorruptionRules(Rules):
    def prepare(self, sizes: StreamBudget, source: Source, draw: Draw) -> Streams:
        from benchmark.learning import pretraining

        classes = list(range(min(source.class_count(), sizes.classes)))
        per_class = -(-sizes.images // len(classes)) if source.drawn else None
        train = source.images("train", classes=classes, per_class=sizes.train, size=sizes.size, draw=draw)
        test = source.images("test", classes=classes, per_class=per_class, size=sizes.size, draw=draw)
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
        return Streams(
            recipe, weights, train.images[: sizes.samples], test, draw.secret_path(), source.drawn and draw.seed == 0
        )

    def tell(self, sizes: StreamBudget, data: Streams) -> dict[str, Any]:
        recipe = data.recipe
        return {
            "image_shape": (recipe.channels, recipe.size, recipe.size),
            "classes": recipe.classes,
            "widths": recipe.widths,
            "blocks": recipe.blocks,
            "mean": recipe.mean,
            "std": recipe.std,
            "batch_size": sizes.batch_size,
        }

    def judge(self, contestant: Contestant, sizes: StreamBudget, data: Streams, clock: Clock) -> Outcome:
        contestant.call("begin", data.weights, data.samples.float().div_(255))
        images, labels = (part[: sizes.images] for part in (data.test.images, data.test.labels))
        briefly, shortly = slice(sizes.brief), slice(sizes.short)
        order = labels[shortly].argsort(stable=True)
        batch, stream = sizes.batch_size, partial(_passed, contestant, data.recipe.classes)
        clean = stream(images[briefly], labels, batch, "clean")
        main, small, lined_up, prefixes = [], [], [], []
        heat: dict[str, list[float]] = {"corruption": [], "severity": [], "error": []}
        for place, name in enumerate(corruptions.NAMES):
            for severity in corruptions.SEVERITIES:
                with clock.running("data"):
                    some = images if severity == WORST else images[briefly]
                    rng = generator(*data.path, name, severity)
                    corrupted = corruptions.corrupt(some, name, severity, generator=rng)
                phase = "adapt" if severity == WORST else "other severities"
                passed = stream(corrupted, labels, batch, phase)
                for column, value in zip(heat, (place, severity, _percent(passed.wrong[briefly])), strict=True):
                    heat[column].append(float(value))
            main.append(passed)
            short = corrupted[shortly]
            small.append(stream(short, labels, sizes.small_batch, "small batches"))
            lined_up.append(stream(short[order], labels[order], batch, "sorted"))
            prefixes.append(short)
        endless = [stream(short, labels, batch, "continual", reset=not place) for place, short in enumerate(prefixes)]
        errors = {
            ERROR: [_percent(one.wrong) for one in main],
            ALL: heat["error"],
            SHORT: [_percent(one.wrong[shortly]) for one in main],
            CONTINUAL: [_percent(one.wrong) for one in endless],
            SMALL: [_percent(one.wrong) for one in small],
            SORTED: [_percent(one.wrong) for one in lined_up],
        }
        metrics = {metric.name: _mean(metric, values) for metric, values in errors.items()}
        metrics[CLEAN.name] = CLEAN.value(_percent(clean.wrong))
        count = len(main) * len(images)
        return Outcome(
            metrics,
            {"heat": heat, "stream": _windows(main)},
            {"images/s": count / contestant.seconds("adapt")},
            {"corruptions": _sheet(data)} if data.pictured else {},
            names={"corruption": list(corruptions.NAMES)},
        )


@dataclass(frozen=True, slots=True)
class _Passed:
    """What became of a stream's images in their order. wrong: (n,) bool;  entropy: (n,) of the answers, in nats."""

    wrong: Tensor
    entropy: Tensor


def _passed(
    contestant: Contestant,
    classes: int,
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    phase: str,
    *,
    reset: bool = True,
) -> _Passed:
    """Send images (n, c, h, w) uint8 batch by batch, as a new stream; the labels (n or more,) of those stay here."""
    import torch

    if reset:
        contestant.call("reset", phase=phase)
    scores = []
    for batch, truth in zip(images.split(batch_size), labels[: len(images)].split(batch_size), strict=True):
        wanted = Floats(len(batch), classes)
        scores.append(contestant.call("adapt", batch.float().div_(255), reply=wanted, phase=phase))
        if contestant.reference:
            contestant.call("reveal", truth, phase=phase)
    logits = torch.cat(scores).double()
    entropy = -(logits.softmax(1) * logits.log_softmax(1)).sum(1)
    return _Passed(logits.argmax(1) != labels[: len(images)], entropy)


def _mean(metric: Metric, errors: list[float]) -> MetricValue:
    """The metric of errors (%) per corruption, or per corruption and severity."""
    per = "corruption" if len(errors) == len(corruptions.NAMES) else "corruption and severity"
    return metric.value(sum(errors) / len(errors), raw=[round(error, 4) for error in errors], per=per)


def _windows(passed: list[_Passed]) -> dict[str, list[float]]:
    """Error (%) and entropy (nats) over the stream, in the mean over corruptions: images seen at each window's end."""
    import torch

    columns: dict[str, list[float]] = {"seen": [], "error": [], "entropy": []}
    seen = 0
    wrong, entropy = (torch.stack([getattr(one, name) for one in passed]).double() for name in ("wrong", "entropy"))
    for errors, entropies in zip(wrong.tensor_split(WINDOWS, 1), entropy.tensor_split(WINDOWS, 1), strict=True):
        if errors.numel():
            seen += errors.shape[1]
            row = (seen, round(_percent(errors), 4), round(float(entropies.mean()), 5))
            for column, value in zip(columns, row, strict=True):
                columns[column].append(float(value))
    return columns


def _sheet(data: Streams) -> Picture:
    """One image under every corruption: rows are severities, the first without any."""
    import torch

    from benchmark.results import pictures

    image = data.test.images[:1]
    rows = [
        torch.cat([image if not severity else _shown(image, name, severity, data) for name in corruptions.NAMES])
        for severity in (0, *corruptions.SEVERITIES)
    ]
    names = [name.replace("_", " ") for name in corruptions.NAMES]
    return pictures.sheet(torch.stack(rows), rows=["clean", *map(str, corruptions.SEVERITIES)], columns=names)


def _shown(image: Tensor, name: str, severity: int, data: Streams) -> Tensor:
    return corruptions.corrupt(image, name, severity, generator=generator(*data.path, "shown", name))


def _percent(wrong: Tensor) -> float:
    """Share of true ones."""
    return 100 * float(wrong.double().mean())


def _budget(data: str, *, seconds: float, **sizes: Any) -> StreamBudget:
    defaults: dict[str, Any] = {
        "classes": 20, "size": 20, "widths": (16, 32, 64), "blocks": 1, "source_batch": 64, "learning_rate": 0.1,
        "augment": False, "mirror": False, "samples": 500,
    }  # fmt: skip
    return StreamBudget(data, seconds, **(defaults | sizes))


track: Track[TestTimeAdapter] = Track(
    NAME,
    question="A trained network meets corrupted images, without labels: does it adapt while it answers?",
    version=1,
    protocol=TestTimeAdapter,
    setup=AdaptationSetup,
    metrics=(ERROR, ALL, CLEAN, SHORT, CONTINUAL, SMALL, SORTED),
    rules=_CorruptionRules(),
    tiers={
        Tier.SMOKE: _budget(
            "glyphs", seconds=1, classes=5, train=12, widths=(8, 16), epochs=2, images=30, brief=10, short=10,
            batch_size=10, small_batch=5, samples=20,
        ),
        Tier.QUICK: _budget(
            "glyphs", seconds=15, train=300, epochs=6, images=4000, brief=150, short=300, batch_size=50,
            small_batch=16,
        ),
        Tier.STANDARD: _budget(
            "cifar10", seconds=900, train=None, widths=(64, 128, 256), epochs=30, source_batch=128,
            learning_rate=0.2, augment=True, mirror=True, images=10000, brief=500, short=1000, batch_size=200,
            small_batch=16, samples=2000,
        ),
    },
)  # fmt: skip
