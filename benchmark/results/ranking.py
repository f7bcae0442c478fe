"""Ranked tables as pure functions of records. Works without torch.

Only records of one comparison class, on one device, may share a table. Seeds pair methods: a summary covers the seeds
that a method finished, and failures stay visible as failures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from benchmark.results.costs import COLUMNS
from benchmark.results.record import Record, dump
from benchmark.results.stats import Summary, summarise

LEAST_ROUNDS = 4
"""Rounds beyond doubt that a time needs to rank. Those in doubt are set aside where so many others are left."""


@dataclass(frozen=True, slots=True)
class Column:
    """A metric of a table: its name, unit and direction."""

    name: str
    unit: str
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One method in a table, summarised over the seeds it finished.

    rank: from 1, shared by methods of equal mean; None for references, for methods that did not finish every seed, and
    for those of which some run is in doubt, or fewer than `LEAST_ROUNDS` rounds are beyond it.
    costs: by the keys of `benchmark.results.costs.COLUMNS`, those that it has;  failures, records: the runs without and
    with a result, by seed.
    """

    method: str
    role: str
    paper: str | None
    rank: int | None
    seeds: tuple[int, ...]
    metrics: dict[str, Summary]
    costs: dict[str, Summary]
    failures: tuple[Record, ...]
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The methods of one track, tier and device in one comparison class, best first, references and failures last.

    columns: the metrics, the primary one first; empty if no run has a result.
    set_aside: a sentence for each group of records that is left out;  notes: what a reader must know of those inside.
    """

    device: str
    track: str
    question: str
    tier: str
    comparison_class: str
    comparison: dict[str, str]
    primary: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    set_aside: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def repeats(self) -> str:
        """What its runs are numbered by: "seed", or "round" where the metric is a time."""
        return "round" if is_timed(self.comparison) else "seed"

    @property
    def task(self) -> str:
        """The task's name, `forgetting`."""
        return self.track.partition(".")[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that some method of the table ran, with or without a result."""
        return tuple(sorted({record.seed for row in self.rows for record in row.records + row.failures}))


def tables(records: Iterable[Record]) -> list[Table]:
    """Group records by (device, track, tier) and rank each group; the order of the records does not matter.

    A group with several comparison classes is ranked within the class that holds the most records (the newest, on a
    tie); `set_aside` says how many records the others hold and in which parts they differ. Of several records of one
    job the newest counts. Records from inside the judge's process are left out.
    """
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        if not record.in_process:
            groups[record.device.slug, record.track, record.tier].append(record)
    return [_table(device, track, tier, group) for (device, track, tier), group in sorted(groups.items())]


def is_timed(comparison: dict[str, str]) -> bool:
    """Whether records of that class hold times: those name the code that took them."""
    return "timer" in comparison


def _table(device: str, track: str, tier: str, group: list[Record]) -> Table:
    classes: dict[str, list[Record]] = defaultdict(list)
    for record in group:
        classes[record.comparison_class].append(record)
    latest = {name: _latest(entries) for name, entries in classes.items()}
    chosen = max(latest, key=lambda name: (len(latest[name]), max(r.started_at for r in latest[name]), name))
    inside, parts = latest[chosen], latest[chosen][0].comparison

    set_aside = []
    if is_timed(parts):
        inside, doubtful = _beyond_doubt(inside)
        set_aside += [f"{_count(len(doubtful), 'round')} in doubt: {doubtful[0].doubt}"] if doubtful else []
    for name in sorted(latest.keys() - {chosen}):
        other = latest[name][0].comparison
        differing = sorted(key for key in parts.keys() | other.keys() if parts.get(key) != other.get(key))
        held = _count(len(latest[name]), "record")
        set_aside.append(f"{held} of class {name} not ranked here: different {', '.join(differing)}")
    older = len(set(map(dump, classes[chosen]))) - len(latest[chosen])  # a copy in a second store is no other run
    if older:
        set_aside.append(f"{_count(older, 'older record')} of jobs that were run again")

    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in inside:
        by_method[record.method].append(record)
    columns = _columns(inside)
    rows = _ranked([_row(method, entries) for method, entries in by_method.items()], inside[0].primary, columns)
    return Table(
        device=device,
        track=track,
        question=max(inside, key=lambda record: (record.started_at, record.question)).question,
        tier=tier,
        comparison_class=chosen,
        comparison=parts,
        primary=inside[0].primary,
        columns=columns,
        rows=tuple(rows),
        set_aside=tuple(set_aside),
        notes=tuple(_notes(by_method, rows, repeats="round" if is_timed(parts) else "seed")),
    )


def _notes(by_method: dict[str, list[Record]], rows: list[Row], *, repeats: str) -> Iterator[str]:
    """What a reader must know of the rows; repeats: what runs are numbered by."""
    for method, entries in sorted(by_method.items()):
        if len({record.provenance.method_file for record in entries}) > 1:
            versions = "different versions of its file"
            yield f"{method}: its {repeats}s ran {versions}; run them again to compare like with like"
    for method, entries in sorted(by_method.items()):
        doubtful = [record for record in entries if record.doubt]
        if doubtful:
            places = ", ".join(str(record.seed) for record in doubtful)
            yield f"{method}: not ranked, {doubtful[0].doubt} ({repeats} {places})"
    for row in rows:
        if repeats == "round" and row.rank is None and row.role != "reference" and 0 < len(row.records) < LEAST_ROUNDS:
            yield f"{row.method}: not ranked, it has {_count(len(row.records), 'round')}; {LEAST_ROUNDS} are needed"


def _beyond_doubt(records: list[Record]) -> tuple[list[Record], list[Record]]:
    """Part the rounds of timed records: those that stay, and those in doubt of methods that have enough without."""
    sound = Counter(record.method for record in records if record.status == "ok" and not record.doubt)
    aside = [record for record in records if record.doubt and sound[record.method] >= LEAST_ROUNDS]
    return [record for record in records if record not in aside], aside


def _latest(records: list[Record]) -> list[Record]:
    """Keep the newest record of each (method, seed), in that order."""
    runs: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in records:
        runs[record.method, record.seed].append(record)
    # Their text decides between records of one instant, so that the order of the stores never shows.
    return [max(entries, key=lambda record: (record.started_at, dump(record))) for _, entries in sorted(runs.items())]


def _columns(records: list[Record]) -> tuple[Column, ...]:
    """Metrics in the order in which the track reports them, the primary one first."""
    found: dict[str, Column] = {}
    for record in records:
        for name, metric in record.metrics.items() if record.status == "ok" else ():
            found.setdefault(name, Column(name, metric.unit, metric.higher_is_better))
    return tuple(sorted(found.values(), key=lambda column: column.name != records[0].primary))


def _row(method: str, entries: list[Record]) -> Row:
    done = [record for record in entries if record.status == "ok"]
    names = dict.fromkeys(name for record in done for name in record.metrics)
    return Row(
        method=method,
        role=entries[0].role,
        paper=entries[0].paper,
        rank=None,
        seeds=tuple(record.seed for record in done),
        metrics={
            name: summarise([record.metrics[name].value for record in done if name in record.metrics]) for name in names
        },
        costs={column.key: value for column in COLUMNS if (value := column.summary(done)) is not None},
        failures=tuple(record for record in entries if record.status != "ok"),
        records=tuple(done),
    )


def _ranked(rows: list[Row], primary: str, columns: tuple[Column, ...]) -> list[Row]:
    """Order rows: ranked ones by the primary metric, then references, unfinished methods, methods without a result.

    A method that failed on a seed the others finished is not ranked: its mean would cover other data than theirs. Nor
    is one whose numbers are in doubt.
    """
    sign = -1.0 if any(column.name == primary and column.higher_is_better for column in columns) else 1.0

    def group(row: Row) -> int:
        if primary not in row.metrics:
            return 3
        if row.role == "reference":
            return 1
        few = is_timed(row.records[0].comparison) and len(row.records) < LEAST_ROUNDS
        return 2 if few or row.failures or any(record.doubt for record in row.records) else 0

    def value(row: Row) -> float:
        return sign * row.metrics[primary].mean if primary in row.metrics else 0.0

    ordered = sorted(rows, key=lambda row: (group(row), value(row), row.method))
    values = Counter(value(row) for row in ordered if group(row) == 0)
    return [
        replace(row, rank=1 + sum(n for other, n in values.items() if other < value(row))) if group(row) == 0 else row
        for row in ordered
    ]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
