"""The contract that every registered method keeps; the same function serves `heptathlon check` and the tests."""

from __future__ import annotations

from typing import Any

import psutil

from benchmark.contestant.remote import Limits
from benchmark.errors import DataError, unknown
from benchmark.results.job import Job, Tier
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job
from benchmark.tasks import all_tracks, find_track
from benchmark.tasks.track import Entry, Track

_SECONDS = 60.0


def check(entry: Entry) -> list[str]:
    """Check one entry; return a sentence for each broken clause, none if the contract is kept.

    The clauses: it says what it is; its hyperparameters are keywords with literal defaults (`Entry.faults`); a smoke
    run succeeds; a second one gives the same metrics and curves to the bit, but for what is measured on the machine.
    """
    if entry.faults:
        return list(entry.faults)
    try:
        return compare(find_track(entry.track), smoke(entry), smoke(entry))
    except DataError as error:
        return [f"its smoke run has no data: {error}"]


def named(name: str) -> list[Entry]:
    """The entries of `gpm` on all its tracks, or the one entry `forgetting.split/gpm`.

    Raises UnknownNameError with a suggestion if there is no such method.
    """
    entries = [entry for track in all_tracks() for entry in track.entries.values()]
    chosen = [entry for entry in entries if name in (entry.name, str(entry))]
    if not chosen:
        raise unknown("method", name, {known for entry in entries for known in (entry.name, str(entry))})
    return chosen


def smoke(entry: Entry) -> Record:
    """Run an entry's smoke job with seed 0. Raises DataError if its data cannot be had."""
    limits = Limits(_SECONDS, int(psutil.virtual_memory().total) // 2)
    plan = Plan.of(Job(entry.track, entry.name, Tier.SMOKE, 0))
    return run_job(plan, Conditions("cpu", limits), threads=1, alone=False)


def compare(track: Track[Any], first: Record, second: Record) -> list[str]:
    """Say what is wrong with two smoke runs of one entry, nothing if they succeeded alike."""
    for record in (first, second):
        if record.failure is not None:
            return [f"smoke run: {record.status}: {record.failure.message}\n{record.failure.details}".rstrip()]
    measured = {metric.name for metric in track.metrics if metric.measured}
    compared = [name for name in first.metrics if name not in measured]
    differing = [name for name in compared if first.metrics[name] != second.metrics.get(name)]
    if not track.timing:  # whose curves hold times
        differing += [name for name in first.curves if first.curves[name] != second.curves.get(name)]
    if not differing:
        return []
    return [f"two runs with one seed differ in {', '.join(differing)}: draw from setup.generator(...) only"]
