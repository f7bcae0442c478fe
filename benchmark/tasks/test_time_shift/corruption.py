"""The track `test_time_shift.corruption`: interface, judging and tiers. Its rules are in the package's docstring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats
from benchmark.tasks.rules import Network, Outcome, Rules, Setup
from benchmark.tasks.test_time_shift import corruptions
from benchmark.tasks.test_time_shift.streams import WORST, StreamBudget, Streams, source_model, streams
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.learning.models.resnet import ResNet
    from benchmark.machine.meters import Clock
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

    def study(self, images: Tensor, labels: Tensor) -> None:
        """Called on references only, after `begin`: learn from training images (n, c, h, w) uint8 that are corrupted as
        those of the streams will be, and some that are not, with their labels (n,) int64."""


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


class _CorruptionRules(Rules):
    def networks(self, sizes: StreamBudget, source: Source, draw: Draw) -> tuple[Network, ...]:
        return (Network("source", sizes.seconds, partial(source_model, sizes, source, draw)),)

    def prepare(self, sizes: StreamBudget, source: Source, draw: Draw) -> Streams:
        return streams(sizes, source, draw)

    def tell(self, sizes: StreamBudget, data: Streams) -> dict[str, Any]:
        recipe = data.recipe
        told = {name: getattr(recipe, name) for name in ("classes", "widths", "blocks", "mean", "std")}
        shape = (recipe.channels, recipe.size, recipe.size)
        return {**told, "image_shape": shape, "batch_size": sizes.batch_size}

    def judge(self, contestant: Contestant, sizes: StreamBudget, data: Streams, clock: Clock) -> Outcome:
        contestant.call("begin", data.weights, data.samples.float().div_(255))
        if contestant.reference:
            with clock.running("data"):
                studied = data.study(sizes.severities)
            contestant.call("study", *studied, phase="study")
        labels, batch = data.test.labels, sizes.batch_size
        stream = partial(_passed, contestant, data.recipe.classes)

        def corrupted(name: str, severity: int, count: int) -> Tensor:
            with clock.running("data"):
                return data.corrupted(name, severity, count)

        clean = stream(data.test.images[: sizes.brief], labels, batch, "clean")
        main = [stream(corrupted(name, WORST, sizes.images), labels, batch, "adapt") for name in corruptions.NAMES]
        heat: dict[str, list[float]] = {"corruption": [], "severity": [], "error": []}
        for place, name in enumerate(corruptions.NAMES):
            for severity in sizes.severities:
                passed = main[place]
                if severity != WORST:
                    passed = stream(corrupted(name, severity, sizes.brief), labels, batch, "other severities")
                counted = sizes.images if sizes.severities == (WORST,) else sizes.brief  # as many of each severity
                cell = (place, severity, _percent(passed.wrong[:counted]))
                for column, value in zip(heat, cell, strict=True):
                    heat[column].append(float(value))
        shorts = {name: corrupted(name, WORST, sizes.images)[: sizes.short] for name in sizes.others}
        order = labels[: sizes.short].argsort(stable=True)
        small = [stream(short, labels, sizes.small_batch, "small batches") for short in shorts.values()]
        lined_up = [stream(short[order], labels[order], batch, "sorted") for short in shorts.values()]
        endless = [
            stream(short, labels, batch, "continual", reset=not place) for place, short in enumerate(shorts.values())
        ]
        beginnings = [main[corruptions.NAMES.index(name)].wrong[: sizes.short] for name in shorts]
        errors = {
            ERROR: [_percent(one.wrong) for one in main],
            ALL: heat["error"] if len(sizes.severities) > 1 else [],
            SHORT: [_percent(wrong) for wrong in beginnings],
            CONTINUAL: [_percent(one.wrong) for one in endless],
            SMALL: [_percent(one.wrong) for one in small],
            SORTED: [_percent(one.wrong) for one in lined_up],
        }
        metrics = {metric.name: _mean(metric, values) for metric, values in errors.items() if values}
        metrics[CLEAN.name] = CLEAN.value(_percent(clean.wrong))
        count = len(main) * len(data.test.images)
        return Outcome(
            metrics,
            {"heat": heat, "stream": _windows(main)},
            {"images/s": count / contestant.seconds("adapt")},
            {"corruptions": data.sheet()} if data.pictured else {},
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
    for batch in images.split(batch_size):
        wanted = Floats(len(batch), classes)
        scores.append(contestant.call("adapt", batch.float().div_(255), reply=wanted, phase=phase))
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


def _percent(wrong: Tensor) -> float:
    """Share of true ones."""
    return 100 * float(wrong.double().mean())


def _budget(data: str, *, seconds: float, **sizes: Any) -> StreamBudget:
    defaults: dict[str, Any] = {
        "classes": 20, "size": 20, "widths": (16, 32, 64), "blocks": 1, "source_batch": 64, "learning_rate": 0.1,
        "augment": False, "mirror": False, "samples": 500, "severities": corruptions.SEVERITIES,
        "others": corruptions.NAMES,
    }  # fmt: skip
    return StreamBudget(data, seconds, **(defaults | sizes))


track: Track[TestTimeAdapter] = Track(
    NAME,
    question="A trained network meets corrupted images, without labels: does it adapt while it answers?",
    version=2,
    protocol=TestTimeAdapter,
    setup=AdaptationSetup,
    metrics=(ERROR, ALL, CLEAN, SHORT, CONTINUAL, SMALL, SORTED),
    rules=_CorruptionRules(),
    tiers={
        Tier.SMOKE: _budget(
            "glyphs", seconds=1, classes=5, train=12, widths=(8, 16), epochs=2, images=30, brief=10, severities=(1, 5),
            short=10, others=("fog",), batch_size=10, small_batch=5, samples=20, study=32,
        ),
        Tier.QUICK: _budget(
            "glyphs", seconds=10, train=200, size=16, epochs=5, images=750, brief=250, severities=(WORST,), short=0,
            others=(), batch_size=25, small_batch=8, study=3000,
        ),
        Tier.STANDARD: _budget(
            "cifar10", seconds=900, train=None, widths=(64, 128, 256), epochs=30, source_batch=128,
            learning_rate=0.2, augment=True, mirror=True, images=10000, brief=500, short=1000, batch_size=200,
            small_batch=16, samples=2000, study=20000,
        ),
    },
)  # fmt: skip
