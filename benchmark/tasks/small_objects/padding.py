"""The track `small_objects.padding`: one detector, and what fills the border of its convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from benchmark.data.cache import content_hash
from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats, wrong
from benchmark.tasks.rules import Contestant, Outcome, Rules
from benchmark.tasks.small_objects.rules import Detections, Detector, Found, PaddingBudget, PaddingSetup, Resolution
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.boxes.boxed import BoxedImages
    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.results.record import MetricValue
    from benchmark.seeding import Draw
    from benchmark.tasks.small_objects.scoring import Precision, Recall

SPREADS = {"middle": 0.6, "uniform": 1.0}
"""Settings of drawn scenes: share of each axis in which the centres of training objects lie."""
_SAMPLE = 512
"""Training images that mean and deviation are taken of, at most: as floats, thousands of photographs fill a memory."""
PHOTOGRAPHS = "photographs"
"""The one setting of images on disk."""

AP_SMALL = Metric("AP_small", "%", True, "average precision of small objects")
AP = Metric("AP", "%", True, "average precision of all objects, mean over IoU 0.5 to 0.95")
AP50 = Metric("AP50", "%", True, "average precision at IoU 0.5")
AP_BORDER = Metric("AP_small_border", "%", True, "average precision of small objects near the border")
RECALL_BORDER = Metric("recall_border", "%", True, "recall along the four borders, their mean")
BLIND_SPOT = Metric("blind_spot", "%", True, "recall of the worst of 6 x 6 cells, in % of the mean")
ASYMMETRY = Metric("map_asymmetry", "%", False, "how far the mean feature map is from its mirror images")
UNIFORM_AP = Metric("AP_small_uniform", "%", True, "average precision of small objects, trained on all positions")
UNIFORM_RECALL = Metric("recall_border_uniform", "%", True, "recall along the borders, trained on all positions")
"""The control's."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is learned from and what is judged on."""

    train: BoxedImages
    test: BoxedImages


@dataclass(frozen=True, slots=True)
class Scenes:
    """Where a job's images come from, at whatever size a contestant asks for."""

    source: Source
    sizes: PaddingBudget
    draw: Draw

    def at(self, size: tuple[int, int]) -> dict[str, Setting]:
        """The settings by name at (height, width), kept between jobs of a seed, as most of them ask for one size."""
        return _settings(self.source, self.sizes, self.draw, size)


@lru_cache(maxsize=12)
def _settings(source: Source, sizes: PaddingBudget, draw: Draw, size: tuple[int, int]) -> dict[str, Setting]:
    """Raises DataError for fewer than one object to learn from or to find."""
    drawn = source.drawn
    names = sizes.settings if drawn else (PHOTOGRAPHS,)
    train, test = (sizes.train, sizes.test) if drawn else (sizes.train or None, sizes.test or None)
    found = source.boxed("test", size=size, count=test, draw=draw)
    settings = {}
    for name in names:
        learned = source.boxed("train", size=size, count=train, draw=draw, spread=SPREADS.get(name, 1.0))
        settings[name] = Setting(_without_ignored(learned), found)
        if not len(settings[name].train.boxes) or bool(found.ignored.all()):
            raise DataError(
                f"dataset {source.entry.name!r} has no object to learn from or none to find; choose another"
            )
    return settings


def _without_ignored(images: BoxedImages) -> BoxedImages:
    """The same without objects that need not be found: a detector would learn from them what is no example."""
    from benchmark.tasks.small_objects.assignment import images_of

    kept = ~images.ignored
    return replace(
        images,
        boxes=images.boxes[kept],
        labels=images.labels[kept],
        ignored=images.ignored[kept],
        counts=images_of(images.counts)[kept].bincount(minlength=len(images.counts)),
    )


class _PaddingRules(Rules):
    def compared(self, sizes: PaddingBudget, source: Source) -> dict[str, str]:
        if not sizes.weights:
            return {}
        file = source.root / sizes.weights
        return {"weights": content_hash([(sizes.weights, file)]) if file.is_file() else "from scratch"}

    def prepare(self, sizes: PaddingBudget, source: Source, draw: Draw) -> Scenes:
        scenes = Scenes(source, sizes, draw)
        scenes.at((sizes.height, sizes.width))
        return scenes

    def tell(self, sizes: PaddingBudget, data: Scenes) -> dict[str, Any]:
        first = next(iter(data.at((sizes.height, sizes.width)).values())).train
        values = first.images[:_SAMPLE].float() / 255
        told = {name: value for name, value in asdict(sizes).items() if name in PaddingSetup.__dataclass_fields__}
        weights = data.source.root / sizes.weights
        return told | {
            "weights": str(weights) if sizes.weights and weights.is_file() else "",
            "classes": len(first.classes),
            "mean": tuple(values.mean((0, 2, 3)).tolist()),
            "std": tuple(values.std((0, 2, 3)).clamp_min(1e-6).tolist()),
        }

    def judge(self, contestant: Contestant, sizes: PaddingBudget, data: Scenes, clock: Clock) -> Outcome:
        from benchmark.tasks.small_objects import evidence, scoring

        size = contestant.call("resolution", reply=Resolution(sizes.height, sizes.width))
        with clock.running("data"):
            settings = data.at(size)
        judged: list[tuple[Precision, Recall]] = []
        found: list[Detections] = []
        inside: dict[str, Any] = {}
        for train, test in ((each.train, each.test) for each in settings.values()):
            contestant.call("learn", train.images, train.boxes, train.labels, train.counts, phase="train")
            form = Found(len(test.images), size, classes=len(test.classes), most=sizes.most)
            found.append(contestant.call("detect", test.images, reply=form, phase="detect"))
            judged.append((scoring.precision(found[-1], test, by_band=not judged), scoring.recall(found[-1], test)))
            inside = inside or self._look(contestant, test.images[: sizes.probes], size)
        test = next(iter(settings.values())).test
        # Of photographs a record holds scores alone: what is made of others' images is not ours to publish.
        shown = evidence.looks(inside) | evidence.examples(found[0], test) if data.source.drawn else {}
        rates = {
            "training images/s": sizes.steps * sizes.batch_size * len(settings) / contestant.seconds("train"),
            "detected images/s": len(test.images) * len(settings) / contestant.seconds("detect"),
        }
        return Outcome(
            _metrics(judged, scoring.asymmetry(inside["features"][-1])),
            evidence.curves(judged) | shown,
            rates,
            {"scenes": evidence.picture(test)} if data.source.drawn else {},
            {"class": list(test.classes), "setting": list(settings), "edge": list(scoring.EDGES)},
        )

    def _look(self, contestant: Contestant, images: Tensor, size: tuple[int, int]) -> dict[str, Any]:
        """What the contestant says of its inside."""
        return {
            "features": contestant.call("features", images, reply=_Maps(), phase="probe"),
            "foveation": contestant.call("foveation", reply=Floats(*size), phase="probe"),
            "kernels": contestant.call("kernels", reply=Floats("layers", 3, 3), phase="probe"),
        }


class _Maps:
    """A list of maps, each (h, w)."""

    def read(self, answer: Any, call: str) -> list[Tensor]:
        """See `Reply.read`."""
        if not isinstance(answer, list | tuple) or not answer:
            raise wrong(call, "returned no list of maps; return the mean map of each of some layers, (h, w)")
        return [Floats("h", "w").read(one, call) for one in answer]


def _metrics(judged: Sequence[tuple[Precision, Recall]], asymmetry: float) -> dict[str, MetricValue]:
    """All that can be said: where no object lies near a border, there is no recall, and no value."""
    (precision, recall), *controls = judged
    found: dict[Metric, tuple[float, list[float], str]] = {
        AP_SMALL: (precision.small, [], ""),
        AP: (precision.all, precision.classes, "class"),
        AP50: (precision.at_half, [], ""),
        AP_BORDER: (precision.bands[0], [], ""),
        RECALL_BORDER: (_mean(recall.edges()), recall.edges(), "edge"),
        BLIND_SPOT: (recall.blind_spot(), [], ""),
        ASYMMETRY: (asymmetry, [], ""),
    }
    for control, seen in controls:
        found[UNIFORM_AP] = (control.small, [], "")
        found[UNIFORM_RECALL] = (_mean(seen.edges()), seen.edges(), "edge")
    return {
        metric.name: metric.value(value, raw=raw if all(map(math.isfinite, raw)) else [], per=per)
        for metric, (value, raw, per) in found.items()
        if math.isfinite(value)
    }


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


_SMALL: dict[str, Any] = {"network": "small", "height": 64, "width": 64, "batch_size": 16, "learning_rate": 0.03}
track: Track[Detector] = Track(
    "small_objects.padding",
    question="What does padding hide from a detector of small objects where training showed none, and what helps?",
    version=1,
    protocol=Detector,
    setup=PaddingSetup,
    metrics=(AP_SMALL, AP, AP50, AP_BORDER, RECALL_BORDER, BLIND_SPOT, ASYMMETRY, UNIFORM_AP, UNIFORM_RECALL),
    rules=_PaddingRules(),
    tiers={
        Tier.SMOKE: PaddingBudget("clutter", 0.6, train=32, test=24, steps=8, most=20, probes=8, **_SMALL),
        Tier.QUICK: PaddingBudget("clutter", 2.2, train=320, test=200, steps=80, most=20, **_SMALL),
        Tier.STANDARD: PaddingBudget(
            "blood-cells",
            60,
            network="residual",
            height=120,
            width=160,
            train=0,
            test=0,
            steps=600,
            batch_size=8,
            learning_rate=0.005,
            most=100,
        ),
        Tier.PAPER: PaddingBudget(
            "voc2007",
            40_000,
            network="fcos_resnet50_fpn",
            weights="weights/fcos_resnet50_fpn.pth",
            height=384,
            width=384,
            train=0,
            test=0,
            steps=20_000,
            batch_size=16,
            learning_rate=0.0005,
            most=100,
        ),
    },
)
