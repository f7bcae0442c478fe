"""The track `sample_efficiency.architecture`: how many samples until 90 % accuracy, as the input dimension grows?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmark.results.job import Tier
from benchmark.seeding import numpy_generator
from benchmark.tasks.answers import Classes
from benchmark.tasks.rules import Contestant, Outcome, Rules
from benchmark.tasks.sample_efficiency.rules import ArchitectureBudget, Ladder, LearnerSetup, SampleLearner
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.results.pictures import Picture
    from benchmark.results.record import MetricValue
    from benchmark.seeding import Draw
    from benchmark.tasks.sample_efficiency.material import Rung
    from benchmark.tasks.sample_efficiency.search import Accuracies, Crossing

EXPONENT = Metric("exponent", "", False, "slope of log N90 on log d, N90 the samples until 90 % test accuracy")
SAMPLES = Metric("N90", "samples", False, "samples until 90 % accuracy at the largest input dimension")
OTHERS = {
    "signs": Metric("exponent_signs", "", False, "the same where one entry is not 0, and its sign is the label"),
    "pairs": Metric("exponent_pairs", "", False, "the same where two entries are neighbours or next but one"),
    "canvases": Metric("exponent_canvases", "", False, "the same for images on growing canvases"),
    "energies": Metric("exponent_energies", "", False, "the same for photographs and which colour has more energy"),
}
REACHED = Metric("reached", "%", True, "share of all dimensions of all settings at which 90 % were reached")


class _ArchitectureRules(Rules):
    def prepare(self, sizes: ArchitectureBudget, source: Source, draw: Draw) -> tuple[tuple[Rung, ...], ...]:
        from benchmark.tasks.sample_efficiency import material

        return material.rungs(source, sizes, draw)

    def tell(self, sizes: ArchitectureBudget, data: Any) -> dict[str, Any]:
        return {"batch_size": sizes.batch_size}

    def judge(
        self, contestant: Contestant, sizes: ArchitectureBudget, data: tuple[tuple[Rung, ...], ...], clock: Clock
    ) -> Outcome:
        from benchmark.tasks.sample_efficiency import search

        accuracy: dict[str, list[float]] = {name: [] for name in ("setting", "dimension", "size", "repeat", "accuracy")}
        needed: dict[str, list[float]] = {name: [] for name in ("setting", "dimension", "samples", "bound")}
        laws: dict[str, list[float]] = {name: [] for name in ("setting", "exponent", "low", "high", "bound")}
        metrics: dict[str, MetricValue] = {}
        doubt = ""
        exact = trainings = 0
        for number, ladder in enumerate(data):
            setting, dimensions = ladder[0].ladder.setting, [rung.dimension for rung in ladder]
            found: list[Accuracies] = []
            crossings: list[Crossing] = []
            for rung in ladder:
                grid = search.grid(rung.ladder.first, rung.ladder.most)
                start = search.expected(dimensions, crossings, rung.dimension, grid)
                found.append(search.measured(_Trial(contestant, rung), grid, start))
                crossings.append(search.crossed(found[-1]))
                _extend(needed, (number, rung.dimension, crossings[-1].samples, crossings[-1].bound))
                for size, values in found[-1].items():
                    trainings += len(values)
                    for repeat, value in enumerate(values.tolist()):
                        _extend(accuracy, (number, rung.dimension, size, repeat, value))
            slope = search.exponent(dimensions, [each.samples for each in crossings])
            rng = numpy_generator(setting, "bootstrap")
            bound = max(each.bound == search.AT_LEAST for each in crossings)
            _extend(laws, (number, slope, *search.interval(dimensions, found, rng), bound))
            exact += sum(each.bound != search.AT_LEAST for each in crossings)
            if number == 0:
                metrics[EXPONENT.name] = EXPONENT.value(slope)
                metrics[SAMPLES.name] = SAMPLES.value(crossings[-1].samples)
                doubt = _censored(dimensions, crossings)
            elif not bound:
                metrics[OTHERS[setting].name] = OTHERS[setting].value(slope)
        metrics[REACHED.name] = REACHED.value(100 * exact / sum(map(len, data)))
        return Outcome(
            metrics,
            {"accuracy": accuracy, "samples": needed, "laws": laws},
            {"trainings/s": trainings / contestant.seconds("learn")},
            _pictures(data),
            {"setting": [ladder[0].ladder.setting for ladder in data]},
            doubt,
        )


class _Trial:
    """What a contestant's accuracy is at some sizes of a rung: (sizes, repeats)."""

    def __init__(self, contestant: Contestant, rung: Rung) -> None:
        self.contestant, self.rung = contestant, rung

    def __call__(self, sizes: list[int]) -> NDArray[np.float64]:
        train, test = self.rung.train, self.rung.test
        repeats = len(train.labels)
        inputs, labels = train.inputs[:, : sizes[-1]].contiguous(), train.labels[:, : sizes[-1]].contiguous()
        self.contestant.call("learn", inputs, labels, sizes, self.rung.ladder.steps)
        form = Classes(2, len(sizes) * repeats, len(test.labels))
        answers = self.contestant.call("predict", test.inputs, reply=form)
        right = (answers == test.labels).double().mean(1).view(len(sizes), repeats)
        return right.numpy()  # type: ignore[no-any-return]


def _extend(curve: dict[str, list[float]], row: Sequence[float]) -> None:
    for column, value in zip(curve.values(), row, strict=True):
        column.append(round(float(value), 5))


def _censored(dimensions: Sequence[int], crossings: Sequence[Crossing]) -> str:
    """Why an exponent cannot be ranked: at some dimension there is only a bound from below."""
    from benchmark.tasks.sample_efficiency.search import AT_LEAST

    never = [str(d) for d, each in zip(dimensions, crossings, strict=True) if each.bound == AT_LEAST]
    if not never:
        return ""
    return f"never reached 90 % in {', '.join(never)} dimensions: its exponent rests on bounds"


def _pictures(data: tuple[tuple[Rung, ...], ...]) -> dict[str, Picture]:
    """Examples on canvases of each size, on a ground as large as the largest."""
    import torch
    import torch.nn.functional as F

    from benchmark.results.pictures import sheet
    from benchmark.tasks.sample_efficiency.material import CANVASES

    ladder = next((each for each in data if each[0].ladder.setting == CANVASES), None)
    if ladder is None:
        return {}
    largest = ladder[-1].test.inputs.shape[-1]
    columns, names = [], []
    for rung in ladder:
        side = rung.test.inputs.shape[-1]
        for example in range(2):
            picked = [int((rung.test.labels == label).nonzero()[example]) for label in (0, 1)]
            tiles = rung.test.inputs[picked]
            columns.append(F.pad(tiles, (0, largest - side, 0, largest - side), value=float("nan")))
            names.append(f"{side} px" + " " * example)
    shown = torch.stack(columns, 1)
    reach = shown.nan_to_num().abs().max().clamp_min(1e-6)
    return {"canvases": sheet((shown / (2 * reach) + 0.5).nan_to_num(1.0), rows=["class 0", "class 1"], columns=names)}


track: Track[SampleLearner] = Track(
    "sample_efficiency.architecture",
    question="How many samples does a learner need until 90 % accuracy, as its inputs grow in dimension?",
    version=1,
    protocol=SampleLearner,
    setup=LearnerSetup,
    metrics=(EXPONENT, SAMPLES, *OTHERS.values(), REACHED),
    rules=_ArchitectureRules(),
    tiers={
        Tier.SMOKE: ArchitectureBudget(
            "glyphs",
            0.5,
            ladders=(Ladder("halves", (4, 8), 512, 60), Ladder("canvases", (64, 100), 64, 10)),
            repeats=2,
            test=200,
        ),
        Tier.QUICK: ArchitectureBudget(
            "glyphs",
            3,
            ladders=(
                Ladder("halves", (8, 12, 16, 24), 4096, 400),
                Ladder("signs", (16, 48), 512, 100),
                Ladder("pairs", (16, 48), 512, 100),
                Ladder("canvases", (100, 196), 1024, 100),
            ),
            repeats=3,
            test=2000,
        ),
        Tier.STANDARD: ArchitectureBudget(
            "cifar10",
            600,
            ladders=(
                Ladder("halves", (8, 16, 32, 48), 16384, 1200),
                Ladder("signs", (16, 32, 64, 128), 2048, 300),
                Ladder("pairs", (16, 32, 64, 128), 2048, 300),
                Ladder("energies", (48, 192, 768), 4096, 400),
            ),
            repeats=3,
            test=4000,
        ),
    },
)
