"""The track `sample_efficiency.intrinsic_dimension`: of how many dimensions are data, seen in many more?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.results.job import Tier
from benchmark.tasks.answers import Floats, wrong
from benchmark.tasks.rules import Contestant, Network, Outcome, Rules, Setup
from benchmark.tasks.sample_efficiency import dimension_sizes
from benchmark.tasks.sample_efficiency.dimension_sizes import DECODER, IMAGES, LARGE, DimensionBudget
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.results.pictures import Picture
    from benchmark.results.record import MetricValue
    from benchmark.seeding import Draw
    from benchmark.tasks.sample_efficiency.clouds import Cloud
    from benchmark.tasks.sample_efficiency.tie import Tied

ERROR = Metric("relative_error", "%", False, "distance of the estimate from the truth, in % of it, up to 16 dimensions")
LARGE_ERROR = Metric("large_error", "%", False, "the same from 32 dimensions on, where estimates saturate")
SPREAD = Metric("spread_over_k", "%", False, "largest less smallest estimate over all k, in % of their mean")
CHANGE = Metric("change_with_n", "%", False, "change of the estimate with a quarter of the points, in % of it")
UPSAMPLING = Metric("upsampling", "%", False, "change of the estimate when images are enlarged to twice the side")
KINDS = ("nearest", "bilinear")
"""Ways of enlarging images, in torch's words."""
ENLARGED = (4, 16)
"""Dimensions of the decoders whose images are enlarged."""
_SHOWN = 5
"""Points of each cloud of images in a sheet."""


class Estimator(Protocol):
    """What a method of `intrinsic_dimension` implements. Built once as `Method(setup)`."""

    def estimate(self, points: Tensor) -> Tensor:
        """Return the dimension at each of the setup's numbers of neighbours: (len(neighbours),) floats, finite.

        points: (n, D) float32, finite, no two equal, n above the largest number of neighbours. An estimator without
        such a parameter returns one value for all.
        """


@dataclass(frozen=True, slots=True)
class EstimatorSetup(Setup):
    """What a contestant is told. neighbours: k, rising, each at least 3."""

    neighbours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Data:
    """draw: for what judging draws, from secret streams;  drawn: whether the dataset is, so that it may be shown."""

    clouds: tuple[Cloud, ...]
    tied: tuple[Tied, ...]
    draw: Draw
    drawn: bool


class _DimensionRules(Rules):
    def needs(self, sizes: DimensionBudget) -> tuple[str, ...]:
        return () if sizes.beside in ("", sizes.data) else (sizes.beside,)

    def networks(self, sizes: DimensionBudget, source: Source, draw: Draw) -> tuple[Network, ...]:
        from benchmark.tasks.sample_efficiency import gathering

        return (Network("gan", 10.0, partial(gathering.gan_of, source, sizes, draw)),)

    def prepare(self, sizes: DimensionBudget, source: Source, draw: Draw) -> _Data:
        from benchmark.tasks.sample_efficiency import gathering, tie

        return _Data(gathering.gathered(source, sizes, draw), tie.tied(sizes.tie, draw), draw, source.drawn)

    def tell(self, sizes: DimensionBudget, data: Any) -> dict[str, Any]:
        return {"neighbours": sizes.neighbours}

    def judge(self, contestant: Contestant, sizes: DimensionBudget, data: _Data, clock: Clock) -> Outcome:
        import torch

        trial = _Trial(contestant, sizes.neighbours)
        pairs: dict[int, tuple[Tensor, Tensor]] = {}
        # In a secret order: the place of a call would tell which cloud it is.
        for index in torch.randperm(len(data.clouds), generator=data.draw.secret("order")).tolist():
            cloud = data.clouds[index]
            order = torch.randperm(len(cloud.points), generator=data.draw.secret("quarter", cloud.name))
            quarter = cloud.points[order[: len(order) // 4]]
            pairs[index] = trial.estimate(index, cloud, cloud.points), trial.estimate(index, cloud, quarter)
            if cloud.family == IMAGES:
                for count in sizes.counts:
                    if count < len(order) and count != len(quarter):
                        trial.estimate(index, cloud, cloud.points[order[:count]])
            if cloud.family == DECODER and cloud.truth in ENLARGED:
                trial.enlarge(index, cloud, quarter, pairs[index][1])
        curves = {
            "estimates": trial.estimates,
            "upsampling": trial.upsampling,
            "tie": trial.tie(data.tied),
            "duplicates": _dropped(data.clouds),
        }
        return Outcome(
            _metrics(data.clouds, [pairs[index] for index in range(len(pairs))], trial.changes),
            curves,
            {"points/s": trial.points / contestant.seconds("estimate")},
            _pictures(data.clouds) if data.drawn else {},
            {
                "cloud": [cloud.name for cloud in data.clouds],
                "family": [cloud.family for cloud in data.clouds],
                "kind": list(KINDS),
                "varied": list(dict.fromkeys(each.setting.varied for each in data.tied)),
            },
        )


class _Trial:
    """Asks a contestant and keeps its answers. points: how many it was given;  changes: by enlarging, in %."""

    def __init__(self, contestant: Contestant, neighbours: tuple[int, ...]) -> None:
        self.contestant, self.neighbours = contestant, neighbours
        self.points = 0
        self.changes: list[float] = []
        self.estimates: dict[str, list[float]] = {name: [] for name in ("cloud", "k", "n", "truth", "estimate")}
        self.upsampling: dict[str, list[float]] = {name: [] for name in ("cloud", "kind", "k", "estimate")}

    def estimate(self, index: int, cloud: Cloud, points: Tensor) -> Tensor:
        """Estimates of a cloud at each k, from some or all of its points."""
        found = self._asked(points)
        for k, value in zip(self.neighbours, found.tolist(), strict=True):
            _extend(self.estimates, (index, k, len(points), -1 if cloud.truth is None else cloud.truth, value))
        return found

    def enlarge(self, index: int, cloud: Cloud, points: Tensor, before: Tensor) -> None:
        """Estimates of images enlarged to twice the side, in each way, against those before."""
        import torch.nn.functional as F

        assert cloud.shape is not None, f"{cloud.name} are no images"
        for number, kind in enumerate(KINDS):
            found = self._asked(F.interpolate(points.unflatten(1, cloud.shape), scale_factor=2.0, mode=kind).flatten(1))
            self.changes.append(_percent((found - before).abs(), before))
            for k, value in zip(self.neighbours, found.tolist(), strict=True):
                _extend(self.upsampling, (index, number, k, value))

    def tie(self, tied: Sequence[Tied]) -> dict[str, list[float]]:
        """Samples that the harness's network needs of each data set, beside the mean over k of their dimension."""
        names = list(dict.fromkeys(each.setting.varied for each in tied))
        columns = ("varied", "latent", "ambient", "noise", "samples", "bound", "estimate")
        curve: dict[str, list[float]] = {name: [] for name in columns}
        for each in tied:
            setting, crossing = each.setting, each.crossing
            where = (names.index(setting.varied), setting.latent, setting.ambient, setting.noise)
            _extend(curve, (*where, crossing.samples, crossing.bound, float(self._asked(each.points).mean())))
        return curve

    def _asked(self, points: Tensor) -> Tensor:
        form = Floats(len(self.neighbours))
        found: Tensor = self.contestant.call("estimate", points.contiguous(), reply=form, phase="estimate")
        if bool((found < 0).any()):
            raise wrong("estimate", f"returned the dimension {float(found.min()):g}; return none below 0")
        self.points += len(points)
        return found


def _metrics(
    clouds: Sequence[Cloud], pairs: Sequence[tuple[Tensor, Tensor]], changes: Sequence[float]
) -> dict[str, MetricValue]:
    """The metrics from estimates of each cloud, from all points and from a quarter. Clouds lie as `gathered` does."""
    errors: dict[bool, list[float]] = {False: [], True: []}
    for cloud, (found, _) in zip(clouds, pairs, strict=True):
        if cloud.truth is not None and not cloud.bound:
            errors[cloud.truth >= LARGE].append(100 * float((found / cloud.truth - 1).abs().mean()))
    spread = [_percent(found.max() - found.min(), found.mean()) for found, _ in pairs]
    change = [_percent((found - few).abs(), found) for found, few in pairs]
    values = {ERROR: errors[False], SPREAD: spread, CHANGE: change}
    metrics = {metric.name: metric.value(_mean(raw), raw=raw, per="cloud") for metric, raw in values.items()}
    # Their clouds are not the first, so that positions in raw values would name others.
    later = {LARGE_ERROR: errors[True], UPSAMPLING: changes}
    return metrics | {metric.name: metric.value(_mean(raw)) for metric, raw in later.items() if raw}


def _percent(part: Tensor, whole: Tensor) -> float:
    """Mean of part / whole in %; of a whole below 1, which is no dimension, in % of 1."""
    return 100 * float((part / whole.clamp_min(1)).mean())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _extend(curve: dict[str, list[float]], row: Sequence[float]) -> None:
    for column, value in zip(curve.values(), row, strict=True):
        column.append(round(float(value), 5))


def _dropped(clouds: Sequence[Cloud]) -> dict[str, list[float]]:
    rows = [(index, len(cloud.points), cloud.dropped) for index, cloud in enumerate(clouds) if cloud.family == IMAGES]
    return {name: [float(row[place]) for row in rows] for place, name in enumerate(("cloud", "n", "removed"))}


def _pictures(clouds: Sequence[Cloud]) -> dict[str, Picture]:
    """Some points of each cloud of images, a sheet for each family."""
    import torch

    from benchmark.results.pictures import sheet

    found = {}
    for family in dict.fromkeys(cloud.family for cloud in clouds if cloud.shape):
        members = [cloud for cloud in clouds if cloud.family == family]
        tiles = torch.stack([cloud.points[:_SHOWN].unflatten(1, cloud.shape or ()) for cloud in members])
        columns = [str(column + 1) for column in range(_SHOWN)]
        found[family] = sheet(tiles.clamp(0, 1), rows=[cloud.name for cloud in members], columns=columns)
    return found


track: Track[Estimator] = Track(
    "sample_efficiency.intrinsic_dimension",
    question="Points are given in many coordinates; on how many do they really depend?",
    version=1,
    protocol=Estimator,
    setup=EstimatorSetup,
    metrics=(ERROR, LARGE_ERROR, SPREAD, CHANGE, UPSAMPLING),
    rules=_DimensionRules(),
    tiers={
        Tier.SMOKE: dimension_sizes.SMOKE,
        Tier.QUICK: dimension_sizes.QUICK,
        Tier.STANDARD: dimension_sizes.STANDARD,
    },
)
