"""Metric, Tier, Track, Task, Setup: the words of the harness. A track is the typed registry of its methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from benchmark.errors import DuplicateNameError, PluginError, unknown
from benchmark.job import Tier
from benchmark.record import MetricValue, Role
from benchmark.seeding import generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from benchmark.contestant import Contestant
    from benchmark.measure import Clock
    from benchmark.pictures import Picture
    from benchmark.source import Source

M = TypeVar("M")
C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class Metric:
    """What a track measures: a name, its unit, its direction and one sentence on how it is computed.

    measured: on the machine, as times are; it differs from run to run.
    """

    name: str
    unit: str
    higher_is_better: bool
    description: str
    measured: bool = False

    def value(self, value: float, *, raw: list[float] | None = None, per: str = "") -> MetricValue:
        """Return the metric's value for a record; raw: the values per unit that it summarises."""
        return MetricValue(value=value, unit=self.unit, higher_is_better=self.higher_is_better, raw=raw or [], per=per)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a fair comparison fixes and a contestant is told. Tracks extend it; every field is plain data."""

    seed: int
    track: str
    device_name: str

    @property
    def device(self) -> torch.device:
        """The torch device that the method shall use."""
        import torch

        return torch.device(self.device_name)

    def generator(self, *path: int | str, device: torch.device | str = "cpu") -> torch.Generator:
        """Return a generator named by `path`: the same for every method of this track and seed."""
        return generator(self.seed, self.track, "contestant", *path, device=device)


@dataclass(frozen=True, slots=True)
class Budget:
    """The size of a tier: what all tracks must say about it. Tracks extend it with their own sizes.

    data: the dataset's name in the catalogue;  seconds: expected wall seconds of one job on a CPU core, for planning.
    """

    data: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What judging a contestant gave: metrics by name, curves in long form (column -> values), samples per second,
    pictures of what the contestant met, if the data are procedural, and why the numbers do not rank, if they do not."""

    metrics: dict[str, MetricValue]
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    doubt: str = ""


class Rules(Protocol):
    """A track's protocol, run by the judge. `data` is whatever `prepare` makes of the track's budget."""

    def needs(self, budget: Any) -> tuple[str, ...]:
        """Name the datasets that a budget needs besides its own, which `prepare` finds in the catalogue."""

    def compared(self, budget: Any, source: Source) -> dict[str, str]:
        """Say what else two results must share to be compared, besides version, data, tier and budget."""

    def prepare(self, budget: Any, source: Source, *, seed: int, salt: str, device: str) -> Any:
        """Make what the job needs from the dataset; the only part that touches data on disk.

        device: where the harness may compute, as in "cuda:0".
        """

    def setup(self, budget: Any, data: Any, *, track: str, seed: int, device_name: str) -> Setup:
        """Say what the contestant is told."""

    def judge(self, contestant: Contestant, budget: Any, data: Any, clock: Clock) -> Outcome:
        """Run the protocol against the contestant and score it; time spent making data goes to the clock's "data"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered method. origin: the plug-in file, or the module of an entry point, that registered it."""

    track: str
    name: str
    factory: type
    role: Role
    paper: str | None
    origin: str

    def __str__(self) -> str:
        return f"{self.track}/{self.name}"


_origin: ContextVar[str | None] = ContextVar("origin", default=None)


@contextmanager
def registering_from(origin: str) -> Iterator[None]:
    """Attribute the registrations made inside to a plug-in."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


class Track(Generic[M]):
    """One ranked setting of a task, and the registry of its methods, each of which implements the Protocol M.

    name: `forgetting.permuted`;  question: what it asks, in one sentence;
    version: raised when the rules change, so that old numbers are not mixed with new;
    timing: its metric is a time, so its jobs run alone on the machine;
    uses: modules of `benchmark` that decide its results, besides its own, the networks and the training loop.
    """

    def __init__(
        self,
        name: str,
        *,
        question: str,
        version: int,
        protocol: type[M],
        setup: type[Setup],
        metrics: tuple[Metric, ...],
        rules: Rules,
        tiers: Mapping[Tier, Budget],
        timing: bool = False,
        uses: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.question = question
        self.version = version
        self.protocol = protocol
        self.setup = setup
        self.metrics = metrics
        self.rules = rules
        self.tiers = dict(tiers)
        self.timing = timing
        self.uses = uses
        self.entries: dict[str, Entry] = {}

    @property
    def primary(self) -> Metric:
        """The metric that ranks: the first."""
        return self.metrics[0]

    def method(self, name: str, *, paper: str | None = None, role: Role = "method") -> Callable[[C], C]:
        """Class decorator: register a method on this track.

        paper: arXiv id or other reference; role: "method" is ranked, "baseline" is ranked and kept for comparison,
        "reference" bounds the track and is shown unranked. Raises DuplicateNameError, or PluginError if the class
        lacks a call of the track's Protocol.
        """

        def register(cls: C) -> C:
            origin = _origin.get() or cls.__module__
            if name in self.entries:
                raise DuplicateNameError(
                    f"track {self.name!r} has a method {name!r} already, from {self.entries[name].origin}; "
                    "choose another name"
                )
            calls = [call for call in vars(self.protocol) if not call.startswith("_")]
            lacking = [call for call in calls if not callable(getattr(cls, call, None))]
            if lacking:
                raise PluginError(f"{cls.__name__} lacks {', '.join(lacking)}, which track {self.name!r} calls")
            self.entries[name] = Entry(self.name, name, cls, role, paper, origin)
            return cls

        return register

    def find(self, name: str) -> Entry:
        """Return the method of that name. Raises UnknownNameError with a suggestion."""
        try:
            return self.entries[name]
        except KeyError:
            raise unknown(f"method in track {self.name!r}:", name, self.entries) from None

    def budget(self, tier: str) -> Budget:
        """Return the tier's budget. Raises UnknownNameError if the track has no such tier."""
        try:
            return self.tiers[Tier(tier)]
        except (KeyError, ValueError):
            raise unknown(f"tier of track {self.name!r}:", tier, self.tiers) from None


@dataclass(frozen=True, slots=True)
class Task:
    """One of the seven tasks: a question, and the tracks that answer it."""

    name: str
    question: str
    tracks: tuple[Track[Any], ...]
