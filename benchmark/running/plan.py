"""A job with all that its words name, and whether a record answers it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from benchmark.contestant.remote import Limits
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.machine import device
from benchmark.results.job import Job
from benchmark.results.record import Provenance, Record
from benchmark.running import provenance
from benchmark.seeding import LOCAL_SALT, Draw
from benchmark.tasks import find_track
from benchmark.tasks.rules import Budget, Network
from benchmark.tasks.track import Entry, Track


@dataclass(frozen=True, slots=True)
class Conditions:
    """How jobs of one invocation run. device_name: "cpu" or "cuda:0";  salt: of the evaluation data."""

    device_name: str
    limits: Limits
    in_process: bool = False
    salt: str = LOCAL_SALT


@dataclass(frozen=True, slots=True)
class Plan:
    """A job with all that its words name. Building one reads no data."""

    job: Job
    track: Track[Any]
    entry: Entry
    budget: Budget
    source: Source

    @classmethod
    def of(cls, job: Job) -> Plan:
        """Look a job's words up. Raises UnknownNameError with a suggestion."""
        track = find_track(job.track)
        budget = track.budget(job.base_tier)
        return cls(job, track, track.find(job.method), budget, Source.of(catalogue.find(job.data or budget.data)))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Its own data first, then what else its budget needs."""
        return (self.source, *(Source.of(catalogue.find(name)) for name in self.track.rules.needs(self.budget)))

    def draw(self, conditions: Conditions) -> Draw:
        """Where its random numbers come from."""
        return Draw(self.track.name, self.job.seed, conditions.salt, conditions.device_name)

    def networks(self, conditions: Conditions) -> dict[str, Network]:
        """Networks that the harness trains for this job, by names that no other's have. Reads no data."""
        found = self.track.rules.networks(self.budget, self.source, self.draw(conditions))
        return {f"{self.track.name}/{network.name}/{self.job.tier}-{self.job.seed}": network for network in found}

    def comparison(self, conditions: Conditions) -> dict[str, str]:
        """What must agree before two records may share a table. Raises DataError if the data are missing."""
        parts = {
            "track": f"{self.track.name} v{self.track.version}",
            "data": " + ".join(source.fingerprint() for source in self.sources),
            "tier": self.job.tier,
            "budget": json.dumps({k: v for k, v in asdict(self.budget).items() if k != "seconds"}, sort_keys=True),
            "precision": "float32",
            "salt": hashlib.blake2b(conditions.salt.encode(), digest_size=4).hexdigest(),
        }
        parts |= self.track.rules.compared(self.budget, self.source)
        if self.track.timing:
            parts |= {
                "timer": provenance.timer_code(),
                "device": device.describe(conditions.device_name).slug,
            }
        return parts

    def provenance(self) -> Provenance:
        """Which code judges, which is judged, and which makes the data."""
        return provenance.provenance(self.track, self.entry, self.sources)

    def is_answered_by(self, record: Record | None, conditions: Conditions) -> bool:
        """Whether a record is a result of this job that would come out again: same class, same code.

        A time in doubt may come out better; whatever else does not rank would be no different.
        """
        if record is None or record.status != "ok" or (record.doubt and self.track.timing):
            return False
        if record.comparison != self.comparison(conditions):
            return False
        then, now = record.provenance, self.provenance()
        return (then.method_file, then.track_code, then.data_code) == (now.method_file, now.track_code, now.data_code)
