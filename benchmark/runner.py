"""One job from its name to its record: prepare the data, start the contestant, judge, account for the cost."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from benchmark import device, measure
from benchmark.contestant import Limits, Remote
from benchmark.data import catalogue
from benchmark.errors import ContestantError
from benchmark.in_process import InProcess
from benchmark.job import Job
from benchmark.method_process import Spec
from benchmark.provenance import origin_code, provenance, software, timer_code, track_code
from benchmark.record import Costs, Failure, Record
from benchmark.seeding import LOCAL_SALT
from benchmark.source import Source
from benchmark.task import Budget, Entry, Outcome, Track
from benchmark.tasks import find_track


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
            parts |= {"timer": timer_code(), "device": device.describe(conditions.device_name).slug}
        return parts

    def is_answered_by(self, record: Record | None, conditions: Conditions) -> bool:
        """Whether a record is a result of this job beyond doubt that would come out again: same class, same code."""
        return (
            record is not None
            and record.status == "ok"
            and not record.doubt
            and record.comparison == self.comparison(conditions)
            and record.provenance.method_file == origin_code(self.entry.origin)
            and record.provenance.track_code == track_code(self.track)
        )


def run_job(plan: Plan, conditions: Conditions, *, threads: int, alone: bool) -> Record:
    """Run one job and return its record, whatever becomes of the contestant.

    threads: torch threads of the contestant;  alone: nothing else runs on the machine.
    Raises DataError if the job's data cannot be had: that is no fault of the method's.
    """
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    clock = measure.Clock()
    with clock.running("wall"):
        comparison = plan.comparison(conditions)
        with clock.running("data"):
            data = plan.track.rules.prepare(
                plan.budget, plan.source, seed=plan.job.seed, salt=conditions.salt, device=conditions.device_name
            )
        setup = plan.track.rules.setup(
            plan.budget, data, track=plan.track.name, seed=plan.job.seed, device_name=conditions.device_name
        )
        spec = Spec(plan.track.name, plan.entry.name, plan.entry.origin, asdict(setup), threads)
        energy = measure.EnergyMeter(conditions.device_name, alone=alone)
        contest = _contest(plan, spec, conditions, data, clock)
        joules = energy.read()
    costs = _costs(contest, clock, joules, energy.cover)
    outcome = contest.outcome
    return Record(
        question=plan.track.question,
        track=plan.track.name,
        method=plan.entry.name,
        tier=plan.job.tier,
        seed=plan.job.seed,
        role=plan.entry.role,
        paper=plan.entry.paper,
        status=contest.status,  # type: ignore[arg-type]  # pydantic validates the word
        failure=contest.failure,
        primary=plan.track.primary.name,
        metrics=outcome.metrics if outcome else {},
        curves=outcome.curves if outcome else {},
        pictures=outcome.pictures if outcome else {},
        doubt=outcome.doubt if outcome else "",
        costs=costs,
        device=device.describe(conditions.device_name),
        software=software(),
        provenance=provenance(plan.track, plan.entry),
        comparison=comparison,
        started_at=started_at,
        in_process=conditions.in_process,
    )


@dataclass(frozen=True, slots=True)
class _Contest:
    """How a contest ended and what it used."""

    outcome: Outcome | None
    status: str
    failure: Failure | None
    phases: dict[str, float]
    usage: measure.Usage
    start_bytes: int | None = None
    peak_device_bytes: int | None = None


def _contest(plan: Plan, spec: Spec, conditions: Conditions, data: Any, clock: measure.Clock) -> _Contest:
    outcome: Outcome | None = None
    status, failure = "ok", None
    player: InProcess | Remote | None = None
    reference = plan.entry.role == "reference"
    try:
        if conditions.in_process:
            player = InProcess(spec, reference=reference)
            outcome = plan.track.rules.judge(player, plan.budget, data, clock)
        else:
            player = Remote(spec, conditions.limits, reference=reference)
            with player:
                outcome = plan.track.rules.judge(player, plan.budget, data, clock)
                player.finish()
    except ContestantError as error:
        outcome, status, failure = None, error.status, Failure(message=str(error), details=error.details)
    phases = dict(player.clock.seconds) if player else {}
    if isinstance(player, Remote):
        return _Contest(outcome, status, failure, phases, player.usage, player.start_bytes, player.peak_device_bytes)
    return _Contest(outcome, status, failure, phases, measure.Usage(None, None, None))


def _costs(contest: _Contest, clock: measure.Clock, joules: float | None, cover: str) -> Costs:
    wall, data = clock.seconds["wall"], clock.seconds["data"]
    return Costs(
        wall_seconds=wall,
        phases=contest.phases,
        data_seconds=data,
        harness_seconds=wall - data - sum(contest.phases.values()),
        cpu_seconds=contest.usage.cpu_seconds,
        peak_bytes=contest.usage.peak_bytes,
        start_bytes=contest.start_bytes,
        peak_device_bytes=contest.peak_device_bytes,
        joules=joules,
        joules_cover=cover if joules is not None else "",
        rates=contest.outcome.rates if contest.outcome else {},
    )
