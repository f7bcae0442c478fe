"""One job from its name to its record: prepare the data, start the contestant, judge, account for the cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from benchmark.contestant.in_process import InProcess
from benchmark.contestant.process import Spec
from benchmark.contestant.remote import Remote
from benchmark.errors import ContestantError
from benchmark.machine import device, meters
from benchmark.results.record import Costs, Failure, Record
from benchmark.running import provenance
from benchmark.running.plan import Conditions, Plan
from benchmark.tasks.rules import Outcome


def run_job(plan: Plan, conditions: Conditions, *, threads: int, alone: bool) -> Record:
    """Run one job and return its record, whatever becomes of the contestant.

    threads: torch threads of the contestant;  alone: nothing else runs on the machine.
    Raises DataError if the job's data cannot be had: that is no fault of the method's.
    """
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    clock = meters.Clock()
    with clock.running("wall"):
        comparison = plan.comparison(conditions)
        with clock.running("data"):
            data = plan.track.rules.prepare(plan.budget, plan.source, plan.draw(conditions))
        told = plan.track.rules.tell(plan.budget, data)
        setup = plan.track.setup(seed=plan.job.seed, track=plan.track.name, device_name=conditions.device_name, **told)
        spec = Spec(plan.track.name, plan.entry.name, plan.entry.origin, asdict(setup), threads)
        energy = meters.EnergyMeter(conditions.device_name, alone=alone)
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
        names=outcome.names if outcome else {},
        doubt=outcome.doubt if outcome else "",
        costs=costs,
        device=device.describe(conditions.device_name),
        software=provenance.software(),
        provenance=plan.provenance(),
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
    usage: meters.Usage
    start_bytes: int | None = None
    peak_device_bytes: int | None = None


def _contest(plan: Plan, spec: Spec, conditions: Conditions, data: Any, clock: meters.Clock) -> _Contest:
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
    return _Contest(outcome, status, failure, phases, meters.Usage(None, None, None))


def _costs(contest: _Contest, clock: meters.Clock, joules: float | None, cover: str) -> Costs:
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
