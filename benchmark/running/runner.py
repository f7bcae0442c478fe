"""Jobs from their names to their records: prepare the data, start contestants, judge, account for the cost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
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
from benchmark.tasks.rounds import FIRST, LAST, Rotation, Rounds
from benchmark.tasks.rules import Contestant, Outcome, Rules

Player = InProcess | Remote


def run_job(plan: Plan, conditions: Conditions, *, threads: int, alone: bool) -> Record:
    """Run one job and return its record, whatever becomes of the contestant.

    threads: torch threads of the contestant;  alone: nothing else runs on the machine.
    Raises DataError if the job's data cannot be had: that is no fault of the method's.
    """
    if plan.track.timing:
        return run_round([plan], conditions, threads=threads)[0]
    started_at = _now()
    clock = meters.Clock()
    outcome: Outcome | ContestantError
    rules = plan.track.rules
    assert isinstance(rules, Rules)
    with clock.running("wall"):
        comparison = plan.comparison(conditions)
        with clock.running("data"):
            data = rules.prepare(plan.budget, plan.source, plan.draw(conditions))
        spec = _spec(plan, plan.entry.name, plan.entry.origin, conditions, data, threads)
        player = _player(spec, conditions, reference=plan.entry.role == "reference")
        energy = meters.EnergyMeter(conditions.device_name, alone=alone)
        try:
            with player:
                outcome = rules.judge(player, plan.budget, data, clock)
                player.finish()
        except ContestantError as error:
            outcome = error
        joules = energy.read()
    wall, data_seconds = clock.seconds["wall"], clock.seconds["data"]
    costs = Costs(
        wall_seconds=wall,
        data_seconds=data_seconds,
        harness_seconds=wall - data_seconds - sum(player.clock.seconds.values()),
        joules=joules,
        joules_cover=energy.cover if joules is not None else "",
        **_used(player, outcome),
    )
    return _record(plan, conditions, comparison, outcome, costs, started_at)


def run_round(plans: Sequence[Plan], conditions: Conditions, *, threads: int) -> list[Record]:
    """Run the jobs of one round of a timed track side by side; return their records in the order of the plans.

    Nothing else may run on the machine. What the round took beside the methods' own time is shared among its records.
    Raises DataError if the data cannot be had, ContestantError if the anchor fails.
    """
    started_at = _now()
    clock = meters.Clock()
    first = plans[0]
    rules = first.track.rules
    assert isinstance(rules, Rounds)
    players: dict[str, Player] = {}
    failures: dict[str, ContestantError] = {}
    with clock.running("wall"), ExitStack() as house:
        comparison = first.comparison(conditions)
        with clock.running("data"):
            data = rules.prepare(first.budget, first.source, first.draw(conditions))
        anchors: dict[str, Contestant] = {}
        for name in (FIRST, LAST):
            anchor = anchors[name] = _player(_spec(first, "", "", conditions, data, threads), conditions)
            house.enter_context(anchor)
        for plan in plans:
            spec = _spec(plan, plan.entry.name, plan.entry.origin, conditions, data, threads)
            player = _player(spec, conditions, reference=plan.entry.role == "reference")
            players[plan.job.method] = player
            try:
                house.enter_context(player)
            except ContestantError as error:
                failures[plan.job.method] = error
        able = {name: player for name, player in players.items() if name not in failures}
        rotation = Rotation(able, anchors, leave=lambda name: players[name].leave())
        outcomes: dict[str, Outcome | ContestantError] = {**rules.judge_round(rotation, first.budget, data, clock)}
        for name in rotation.methods:
            with rotation.trying(name):
                players[name].finish()
        outcomes |= failures | rotation.failures
    inside = {name: sum(player.clock.seconds.values()) for name, player in players.items()}
    share = (clock.seconds["wall"] - sum(inside.values())) / len(plans)
    data_share = clock.seconds["data"] / len(plans)
    records = []
    for plan in plans:
        name = plan.job.method
        costs = Costs(
            wall_seconds=share + inside[name],
            data_seconds=data_share,
            harness_seconds=share - data_share,
            **_used(players[name], outcomes[name]),
        )
        records.append(_record(plan, conditions, comparison, outcomes[name], costs, started_at))
    return records


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _spec(plan: Plan, method: str, origin: str, conditions: Conditions, data: Any, threads: int) -> Spec:
    told = plan.track.rules.tell(plan.budget, data)
    setup = plan.track.setup(seed=plan.job.seed, track=plan.track.name, device_name=conditions.device_name, **told)
    return Spec(plan.track.name, method, origin, asdict(setup), threads)


def _player(spec: Spec, conditions: Conditions, *, reference: bool = False) -> Player:
    if conditions.in_process:
        return InProcess(spec, reference=reference)
    return Remote(spec, conditions.limits, reference=reference)


def _used(player: Player, outcome: Outcome | ContestantError) -> dict[str, Any]:
    """What a contestant used, in the words of `Costs`."""
    return {
        "phases": dict(player.clock.seconds),
        "cpu_seconds": player.usage.cpu_seconds,
        "peak_bytes": player.usage.peak_bytes,
        "start_bytes": player.start_bytes,
        "peak_device_bytes": player.peak_device_bytes,
        "rates": outcome.rates if isinstance(outcome, Outcome) else {},
    }


def _record(
    plan: Plan,
    conditions: Conditions,
    comparison: dict[str, str],
    outcome: Outcome | ContestantError,
    costs: Costs,
    started_at: str,
) -> Record:
    failure = None if isinstance(outcome, Outcome) else outcome
    found = outcome if isinstance(outcome, Outcome) else Outcome({})
    return Record(
        question=plan.track.question,
        track=plan.track.name,
        method=plan.entry.name,
        tier=plan.job.tier,
        seed=plan.job.seed,
        role=plan.entry.role,
        paper=plan.entry.paper,
        status=failure.status if failure else "ok",  # type: ignore[arg-type]  # pydantic validates the word
        failure=Failure(message=str(failure), details=failure.details) if failure else None,
        primary=plan.track.primary.name,
        metrics=found.metrics,
        curves=found.curves,
        pictures=found.pictures,
        names=found.names,
        doubt=found.doubt,
        costs=costs,
        device=device.describe(conditions.device_name),
        software=provenance.software(),
        provenance=plan.provenance(),
        comparison=comparison,
        started_at=started_at,
        in_process=conditions.in_process,
    )
