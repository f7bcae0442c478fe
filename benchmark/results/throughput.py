"""Two runs of the throughput suite side by side: how many times as fast is each kernel, and compared with the anchors?

Works on pytest-benchmark's JSON as `heptathlon throughput` stores it, without torch. Kernels are compared where their
work is the same: code, shapes and precision. The anchors (`benchmark.throughput.test_anchors`) are kernels that stay
as they are; they run before, between and after the others, so that their drift within a run says how far to trust it.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import RecordError, UsageError
from benchmark.results.record import Device, Software

FORMAT = 1
"""Version of what we add to pytest-benchmark's JSON."""
MOMENTS = ("before", "between", "after")
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Part(BaseModel):
    """A part of pytest-benchmark's JSON; what we do not use is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Stats(_Part):
    """Seconds per call over the rounds."""

    median: Positive
    q1: Positive
    q3: Positive
    rounds: int = Field(gt=0)

    @property
    def spread(self) -> float:
        """Interquartile range as a share of the median."""
        return (self.q3 - self.q1) / self.median


class Work(_Part):
    """What a kernel does, as far as it decides the time: two times may be compared where all of this agrees."""

    code: str = Field(description="hash of the benchmark's own file, which fixes the work, and of the code it measures")
    shapes: str = Field(description="the benchmark's parameters")
    precision: str


class ExtraInfo(_Part):
    """What we note beside pytest-benchmark's own fields."""

    work: Work
    anchor: str | None = Field(None, description="name of the anchor, if it is one")
    moment: str | None = None
    share_of_bound: Positive | None = Field(
        None, description="the least time that its work may take here, over its own"
    )
    limited_by: str = Field("", description="what that least time is made of: arithmetic, or bytes")


class Kernel(_Part):
    """One benchmark of a run."""

    fullname: str
    group: str | None = None
    stats: Stats
    extra_info: ExtraInfo


class Where(_Part):
    """On what the suite ran."""

    version: int = Field(alias="format")
    device: Device
    software: Software


class _MachineInfo(_Part):
    heptathlon: Where


class _File(_Part):
    machine_info: _MachineInfo
    benchmarks: list[Kernel]
    datetime: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suite: where, when, its kernels by name, and its anchors' times by name and moment."""

    path: Path
    where: Where
    started_at: str
    kernels: Mapping[str, Kernel]
    anchors: Mapping[str, Mapping[str, Kernel]]

    def drift(self) -> float:
        """Largest ratio of an anchor's medians at two moments, minus 1."""
        return max(
            (_largest_ratio(k.stats.median for k in moments.values()) for moments in self.anchors.values()), default=0.0
        )

    def noise(self) -> float:
        """Noise floor: the median, over all anchor measurements, of their spread within one moment."""
        return statistics.median(k.stats.spread for moments in self.anchors.values() for k in moments.values())


@dataclass(frozen=True, slots=True)
class Pair:
    """One kernel in both runs. ratio: how many times as fast B is as A;  relative: that, divided by the anchors'."""

    name: str
    group: str
    first_seconds: float
    second_seconds: float
    ratio: float
    relative: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """pairs, in the order of the first run;  anchors: B's speed over A's, by anchor;  anchor_ratio: their geometric
    mean;  refused: kernels whose work differs, with the reason;  missing: kernels of one run only, with the run's file;
    warnings: sentences.
    """

    first: Run
    second: Run
    pairs: tuple[Pair, ...]
    anchors: Mapping[str, float]
    anchor_ratio: float
    refused: Mapping[str, str]
    missing: Mapping[str, str]
    warnings: tuple[str, ...]


def load(path: Path) -> Run:
    """Read one run. Raises UsageError if there is no such file, RecordError if it is none of our runs."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no file {path}; heptathlon throughput --out {path} makes one") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not a complete JSON file ({error}); run heptathlon throughput again") from None
    if not isinstance(data, dict) or "heptathlon" not in (data.get("machine_info") or {}):
        raise RecordError(
            f"{path}: says nothing of the device; only files that heptathlon throughput wrote can be compared"
        )
    try:
        read = _File.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(f"{path}: {where}: {first['msg']}; run heptathlon throughput again") from None
    ours = read.machine_info.heptathlon
    if ours.version != FORMAT:
        raise RecordError(
            f"{path}: format {ours.version}, this heptathlon reads {FORMAT}; run heptathlon throughput again"
        )
    kernels = {k.fullname: k for k in read.benchmarks if k.extra_info.anchor is None}
    anchors: dict[str, dict[str, Kernel]] = {}
    for k in read.benchmarks:
        if k.extra_info.anchor is not None:
            anchors.setdefault(k.extra_info.anchor, {})[str(k.extra_info.moment)] = k
    if not anchors:
        raise RecordError(f"{path}: has no anchors; run heptathlon throughput again, whole")
    return Run(path, ours, read.datetime, kernels, anchors)


def compare(first: Run, second: Run) -> Comparison:
    """Pair the kernels of two runs. Raises UsageError if the anchors' work differs or there is nothing to compare."""
    anchors: dict[str, float] = {}
    for name in [name for name in first.anchors if name in second.anchors]:
        before, now = (list(run.anchors[name].values()) for run in (first, second))
        reason = _difference(before[0], now[0])
        if reason:
            raise UsageError(
                f"the anchor {name!r} is not the same work in both runs: {reason}; run both with one version"
            )
        anchors[name] = _typical(before) / _typical(now)
    if not anchors:
        raise UsageError(f"{first.path} and {second.path} share no anchor; run heptathlon throughput again, whole")
    overall = math.exp(statistics.fmean(math.log(ratio) for ratio in anchors.values()))
    pairs, refused = [], {}
    for name, one in first.kernels.items():
        if name not in second.kernels:
            continue
        other = second.kernels[name]
        reason = _difference(one, other)
        if reason:
            refused[name] = reason
            continue
        ratio = one.stats.median / other.stats.median
        pairs.append(Pair(name, one.group or "", one.stats.median, other.stats.median, ratio, ratio / overall))
    missing = {name: str(second.path) for name in first.kernels if name not in second.kernels}
    missing |= {name: str(first.path) for name in second.kernels if name not in first.kernels}
    return Comparison(first, second, tuple(pairs), anchors, overall, refused, missing, tuple(_warnings(first, second)))


def _warnings(*runs: Run) -> Iterable[str]:
    for run in runs:
        incomplete = sorted(name for name, moments in run.anchors.items() if set(moments) != set(MOMENTS))
        if incomplete:
            yield f"{run.path}: {', '.join(incomplete)} did not run {', '.join(MOMENTS)}; drift is not known"
        drift, noise = run.drift(), run.noise()
        if drift > noise:
            yield (
                f"{run.path}: the anchors drifted by {100 * drift:.0f} % within the run, beyond their noise of "
                f"{100 * noise:.0f} %; ratios closer to 1 than that say nothing. Run it again on a quiet machine"
            )


def _difference(one: Kernel, other: Kernel) -> str:
    """Say in which parts the work of two kernels differs; empty if in none."""
    pairs = zip(one.extra_info.work, other.extra_info.work, strict=True)
    return "; ".join(f"{name} {a} against {b}" for (name, a), (_, b) in pairs if a != b)


def _typical(kernels: Iterable[Kernel]) -> float:
    return statistics.median(k.stats.median for k in kernels)


def _largest_ratio(values: Iterable[float]) -> float:
    listed = list(values)
    return max(listed) / min(listed) - 1
