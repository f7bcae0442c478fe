"""What a track's rules are written in: sizes, what is told, the judge's view of a method, and what judging gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.seeding import generator

if TYPE_CHECKING:
    import torch

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.results.pictures import Picture
    from benchmark.results.record import MetricValue
    from benchmark.seeding import Draw
    from benchmark.tasks.answers import Reply


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
    """What judging a contestant gave.

    metrics: by name;  curves: in long form, column -> values;  rates: things done per second;  pictures: of what the
    contestant met, if the data are procedural;  names: what positions in raw values and curves stand for, column ->
    names;  doubt: why the numbers do not rank, empty if they do.
    """

    metrics: dict[str, MetricValue]
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    doubt: str = ""


class Contestant(Protocol):
    """The judge's view of a method."""

    reference: bool  # a reference may be told what ranked methods have to find out

    def call(self, name: str, *arguments: Any, reply: Reply | None = None, phase: str | None = None) -> Any:
        """Call the method and return its reply; its time goes to `phase` (by default the call's name).

        reply: the form that it must have (`benchmark.tasks.answers`). Raises ContestantError for everything that can
        go wrong on the other side.
        """

    def burst(
        self, name: str, calls: Sequence[tuple[Any, ...]], *, phase: str, reply: Reply | None = None
    ) -> list[Any]:
        """Make calls with these arguments in a row under one clock, as befits short ones; return the replies."""

    def peak(self, name: str, *arguments: Any, phase: str, reply: Reply | None = None) -> tuple[Any, int | None]:
        """Call; return the reply, and the bytes that the call needed at its peak beyond its arguments, reply included:
        resident ones on a CPU, torch's own on a GPU, None where the system does not tell."""

    def seconds(self, phase: str) -> float:
        """Wall seconds so far inside the method in `phase`."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network that the harness trains for a track's jobs of one seed: a job of its own, which no method pays for.

    name: what it is, in a few words;  seconds: expected wall seconds on a CPU core;  make: trains it and keeps it
    (`benchmark.learning.keeping`), so that `prepare` finds it; returns at once if it is there.
    """

    name: str
    seconds: float
    make: Callable[[], object]


class Preparation(ABC):
    """What comes before judging. `data` is whatever `prepare` makes; `sizes` is the tier's budget."""

    def needs(self, sizes: Any) -> tuple[str, ...]:
        """Name the datasets that a budget needs besides its own, which `prepare` finds in the catalogue."""
        return ()

    def compared(self, sizes: Any, source: Source) -> dict[str, str]:
        """Say what else two results must share to be compared, besides version, data, tier and budget."""
        return {}

    def networks(self, sizes: Any, source: Source, draw: Draw) -> tuple[Network, ...]:
        """Name the networks that the harness trains for these jobs, whatever their method."""
        return ()

    @abstractmethod
    def prepare(self, sizes: Any, source: Source, draw: Draw) -> Any:
        """Make what the job needs from the dataset; the only part that touches data on disk."""

    @abstractmethod
    def tell(self, sizes: Any, data: Any) -> dict[str, Any]:
        """Say what the contestant is told: the fields of the track's setup beyond those that all setups share."""


class Rules(Preparation):
    """A track's protocol, run by the judge on one contestant at a time."""

    @abstractmethod
    def judge(self, contestant: Contestant, sizes: Any, data: Any, clock: Clock) -> Outcome:
        """Run the protocol against the contestant and score it; time spent making data goes to the clock's "data"."""
