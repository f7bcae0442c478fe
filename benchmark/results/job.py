"""A job: a few words and a number that rebuild a run and fit in a file name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from benchmark.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


class Tier(StrEnum):
    """How large a run is."""

    SMOKE = "smoke"
    QUICK = "quick"
    STANDARD = "standard"
    PAPER = "paper"


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """(track, method, tier, seed): `forgetting.permuted`, `gpm`, `quick`, 0.

    tier is a `Tier`, or `<tier>@<dataset>` where the run uses another dataset than the track's own.
    """

    track: str
    method: str
    tier: str
    seed: int

    def __post_init__(self) -> None:
        task, dot, track = self.track.partition(".")
        parts = [("track", task), ("track", track if dot else ""), ("method", self.method)]
        parts += [("dataset", self.data)] if "@" in self.tier else []
        for kind, name in parts:
            check_name(kind, name, within=f" in job {self}")
        if self.base_tier not in list(Tier):
            raise UsageError(f"no tier {self.base_tier!r}; known: {', '.join(Tier)}")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed} is negative; seeds count from 0")

    @property
    def task(self) -> str:
        """The task's name, `forgetting`."""
        return self.track.partition(".")[0]

    @property
    def base_tier(self) -> str:
        """The tier without the dataset, `standard` of `standard@fashion-mnist`."""
        return self.tier.partition("@")[0]

    @property
    def data(self) -> str:
        """The dataset that replaces the track's own, or the empty string."""
        return self.tier.partition("@")[2]

    @property
    def stem(self) -> str:
        """Path of the record below `<store>/<device>`, without its ending."""
        return f"{self.task}/{self.track.partition('.')[2]}/{self.method}/{self.tier}-{self.seed}"

    def __str__(self) -> str:
        return f"{self.track}/{self.method}/{self.tier}-{self.seed}"


def check_name(kind: str, name: str, *, within: str = "") -> None:
    """Raise UsageError for a name that cannot stand in a job, and so in a file name."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise UsageError(f"{kind} name {name!r}{within}: use lower-case letters, digits, '-' and '_'")
