"""From the words of a command to plans: which jobs are meant, which are answered, how long the rest will take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmark.errors import DataError, RecordError, UsageError, unknown
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.running.plan import Conditions, Plan
from benchmark.tasks import all_tracks, find_task, find_track
from benchmark.tasks.rounds import RoundBudget
from benchmark.tasks.track import Entry

_MOST_SEEDS = 10_000


@dataclass(frozen=True, slots=True)
class Selection:
    """The plans a command names, split by what is to be done. notes: what is left out, and why."""

    pending: tuple[Plan, ...]
    answered: tuple[Plan, ...]
    missing_data: dict[str, tuple[Plan, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """The words of a `run` command; empty sequences mean all."""

    tier: str
    seeds: tuple[int, ...]
    tasks: Sequence[str] = ()
    tracks: Sequence[str] = ()
    methods: Sequence[str] = ()
    data: str = ""
    rerun: bool = False


@dataclass
class Estimates:
    """Expected wall seconds of a plan: what its kind took before on this device, else the track's own guess."""

    seen: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)

    def note(self, record: Record) -> None:
        """Learn from a record."""
        self.seen.setdefault((record.track, record.method, record.tier), []).append(record.costs.wall_seconds)

    def __call__(self, plan: Plan) -> float:
        """Seconds that the plan is expected to take."""
        times = self.seen.get((plan.job.track, plan.job.method, plan.job.tier))
        return median(times) if times else plan.budget.seconds


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read "3" as seeds 0, 1, 2; "4-6" as 4, 5, 6; "0,7" as these two. Raises UsageError for anything else."""
    text = text.strip()
    spans: list[tuple[int, int]] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if match is None or len(text) > 200 or int(match[2] or match[1]) < int(match[1]):
            raise UsageError(f"cannot read seeds {text!r}; give a count (3), a range (4-6) or a list (0,7)")
        spans.append((int(match[1]), int(match[2] or match[1])))
    if re.fullmatch(r"[1-9]\d*", text):
        spans = [(0, int(text) - 1)]
    if sum(last - first + 1 for first, last in spans) > _MOST_SEEDS:
        raise UsageError(f"{text!r} is more than {_MOST_SEEDS} seeds; give fewer")
    return tuple(dict.fromkeys(seed for first, last in spans for seed in range(first, last + 1)))


def plans(request: Request) -> tuple[list[Plan], list[str]]:
    """Every plan that the request names, and notes on tracks that it names but cannot serve.

    Raises UnknownNameError for a word that names nothing, with a suggestion.
    """
    tracks = [track for name in request.tasks for track in find_task(name).tracks]
    tracks += [find_track(name) for name in request.tracks]
    tracks = list(dict.fromkeys(tracks)) or list(all_tracks())
    known = sorted({name for track in tracks for name in track.entries})
    for name in request.methods:
        if name not in known:
            raise unknown("method in the chosen tracks:", name, known)
    chosen, notes = [], []
    tier = f"{request.tier}@{request.data}" if request.data else request.tier
    for track in tracks:
        if request.tier not in track.tiers:
            notes.append(f"track {track.name} has no tier {request.tier!r}; it has {', '.join(track.tiers)}")
            continue
        names = [name for name, entry in track.entries.items() if _is_meant(entry, request)]
        left_out = sorted(set(track.entries) - set(names)) if not request.methods else []
        if left_out:
            notes.append(f"track {track.name}: tier {request.tier!r} leaves out, unless named: {', '.join(left_out)}")
        seeds: Sequence[int] = request.seeds
        budget = track.budget(request.tier)
        if isinstance(budget, RoundBudget):  # seeds change nothing in a time
            seeds = range(max(budget.rounds, len(seeds)))
        chosen += [Plan.of(Job(track.name, name, tier, seed)) for name in sorted(names) for seed in seeds]
    return chosen, notes


def _is_meant(entry: Entry, request: Request) -> bool:
    return entry.name in request.methods if request.methods else not entry.tiers or request.tier in entry.tiers


def select(request: Request, store: Store, conditions: Conditions, device_slug: str) -> tuple[Selection, Estimates]:
    """Split the request's plans into answered, pending and those whose data are missing."""
    chosen, notes = plans(request)
    estimates = Estimates()
    pending, answered = [], []
    missing: dict[str, list[Plan]] = {}
    for plan in chosen:
        reason = _missing(plan)
        if reason:
            missing.setdefault(reason, []).append(plan)
            continue
        try:
            record = store.find(device_slug, plan.job, in_process=conditions.in_process)
        except RecordError as error:
            record = None
            notes.append(f"{error}; running it again, the file is kept as .unreadable")
        if record is not None:
            estimates.note(record)
        if not request.rerun and _is_answered(plan, record, conditions):
            answered.append(plan)
        else:
            pending.append(plan)
    by_reason = {reason: tuple(left_out) for reason, left_out in missing.items()}
    return Selection(tuple(pending), tuple(answered), by_reason, tuple(notes)), estimates


def _missing(plan: Plan) -> str | None:
    try:
        return next((reason for source in plan.sources if (reason := source.missing())), None)
    except DataError as error:
        return str(error)


def _is_answered(plan: Plan, record: Record | None, conditions: Conditions) -> bool:
    try:
        return plan.is_answered_by(record, conditions)
    except DataError:
        return False  # running it will say what is wrong
