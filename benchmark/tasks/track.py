"""Metric, Entry, Track, Task: the words of the harness. A track is the typed registry of its methods."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

from benchmark.errors import DuplicateNameError, PluginError, UsageError, unknown
from benchmark.identity import registrar
from benchmark.results.job import Tier, check_name
from benchmark.results.record import MetricValue, Role
from benchmark.tasks.rounds import Rounds
from benchmark.tasks.rules import Budget, Rules, Setup

M = TypeVar("M")
C = TypeVar("C", bound=type)

LITERALS = (int, float, bool, str, type(None), tuple)
"""Types that a hyperparameter's default may have."""


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
class Entry:
    """A registered method, as data: whoever runs it builds it from its origin, in the contestant's process.

    role: "method", "baseline" or "reference";  origin: the plug-in file, or the module of an entry point, that
    registered it;  faults: what its class lacks of the contract, a sentence each, as far as can be told without a run;
    tiers: those in which it runs without being named, all if empty.
    """

    track: str
    name: str
    role: Role
    paper: str | None
    origin: str
    faults: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.track}/{self.name}"


class Track(Generic[M]):
    """One ranked setting of a task, and the registry of its methods, each of which implements the Protocol M.

    name: `forgetting.permuted`;  question: what it asks, in one sentence;
    version: raised when the rules change, so that old numbers are not mixed with new.
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
        rules: Rules | Rounds,
        tiers: Mapping[Tier, Budget],
    ) -> None:
        self.name = name
        self.question = question
        self.version = version
        self.protocol = protocol
        self.setup = setup
        self.metrics = metrics
        self.rules = rules
        self.tiers = dict(tiers)
        self.entries: dict[str, Entry] = {}
        self.classes: dict[str, type] = {}

    @property
    def primary(self) -> Metric:
        """The metric that ranks: the first."""
        return self.metrics[0]

    @property
    def timing(self) -> bool:
        """Whether its metric is a time: its rounds run alone on the machine, all methods side by side."""
        return isinstance(self.rules, Rounds)

    def method(
        self, name: str, *, paper: str | None = None, role: Role = "method", tiers: Sequence[str] = ()
    ) -> Callable[[C], C]:
        """Class decorator: register a method on this track.

        paper: arXiv id or other reference; role: "method" is ranked, "baseline" is ranked and kept for comparison,
        "reference" bounds the track and is shown unranked; tiers: those in which it runs without being named, for one
        that costs more than it tells in others. Raises PluginError for a name that cannot be one, an unknown role or
        tier, or a class that lacks a call of the track's Protocol, and DuplicateNameError.
        """

        def register(cls: C) -> C:
            calls = sorted(call for call in calls_of(self.protocol) if not callable(getattr(cls, call, None)))
            if calls:
                raise PluginError(f"{cls.__name__} lacks {', '.join(calls)}, which track {self.name!r} calls")
            broken = tuple(faults(cls, role=role, paper=paper))
            self.add(Entry(self.name, name, role, paper, registrar(cls), broken, tuple(tiers)))
            self.classes[name] = cls
            return cls

        return register

    def add(self, entry: Entry) -> None:
        """Register an entry. Raises PluginError for a name or role that cannot be one, DuplicateNameError."""
        try:
            check_name("method", entry.name)
        except UsageError as error:
            raise PluginError(f"on track {self.name!r}: {error}") from None
        if entry.role not in get_args(Role):
            raise PluginError(
                f"{entry.name!r} has the role {entry.role!r} on track {self.name!r}; it may be one of "
                f"{', '.join(get_args(Role))}"
            )
        strays = [tier for tier in entry.tiers if tier not in list(Tier)]
        if strays:
            raise PluginError(f"{entry.name!r} shall run in the tier {strays[0]!r}; tiers are {', '.join(Tier)}")
        if entry.name in self.entries:
            raise DuplicateNameError(
                f"track {self.name!r} has a method {entry.name!r} already, from {self.entries[entry.name].origin}; "
                "choose another name"
            )
        self.entries[entry.name] = entry

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


def calls_of(protocol: type) -> set[str]:
    """Names of the calls of a track's Protocol, also of those it inherits."""
    bases = [base for base in protocol.__mro__ if getattr(base, "_is_protocol", False) or base is protocol]
    return {name for base in bases for name in vars(base) if not name.startswith("_") and callable(vars(base)[name])}


def faults(cls: type, *, role: str, paper: str | None) -> Iterator[str]:
    """Yield a sentence for each clause of the contract that a class breaks, as can be told without running it."""
    if not inspect.getdoc(inspect.getmodule(cls)) and not inspect.getdoc(cls):
        yield "neither its file nor its class has a docstring: say idea, paper and claim"
    if role == "method" and not paper:
        yield "it names no paper: pass paper='arXiv:...' or another reference when registering"
    try:
        setup, *options = inspect.signature(cls).parameters.values()
    except ValueError:
        yield "its constructor takes no setup; it is built as Method(setup)"
        return
    for option in options:
        if option.kind is not inspect.Parameter.KEYWORD_ONLY or not isinstance(option.default, LITERALS):
            yield f"hyperparameter {option.name!r} of its constructor is not a keyword with a literal default"
    if setup.default is not inspect.Parameter.empty:
        yield "its constructor's first argument, the setup, has a default"


@dataclass(frozen=True, slots=True)
class Task:
    """One of the seven tasks: a question, and the modules in its folder that answer it, each of which has a `track`."""

    name: str
    question: str
    modules: tuple[str, ...]

    @property
    def tracks(self) -> tuple[Track[Any], ...]:
        """Its tracks, in the order in which they are shown."""
        folder = f"{__package__}.{self.name}"
        return tuple(importlib.import_module(f"{folder}.{module}").track for module in self.modules)
