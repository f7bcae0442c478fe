"""The contract that every registered method keeps; the same function serves `heptathlon check` and the tests."""

from __future__ import annotations

import inspect
from typing import Any

import psutil
from rich.console import Console
from rich.markup import escape

from benchmark.contestant import Limits
from benchmark.errors import DataError, unknown
from benchmark.job import Job, Tier
from benchmark.record import Record
from benchmark.runner import Conditions, Plan, run_job
from benchmark.task import Entry, Track
from benchmark.tasks import all_tracks

_SECONDS = 60.0
_LITERALS = (int, float, bool, str, type(None), tuple)


def check(entry: Entry) -> list[str]:
    """Check one entry; return a sentence for each broken clause, none if the contract is kept.

    The clauses: it says what it is; its hyperparameters are keywords with literal defaults; a smoke run succeeds; a
    second one gives the same metrics and curves to the bit, but for what is measured on the machine.
    """
    broken = []
    if not inspect.getdoc(inspect.getmodule(entry.factory)) and not inspect.getdoc(entry.factory):
        broken.append("neither its file nor its class has a docstring: say idea, paper and claim")
    if entry.role == "method" and not entry.paper:
        broken.append("it names no paper: pass paper='arXiv:...' or another reference when registering")
    setup, *options = inspect.signature(entry.factory).parameters.values()
    broken += [
        f"hyperparameter {option.name!r} of its constructor is not a keyword with a literal default"
        for option in options
        if option.kind is not inspect.Parameter.KEYWORD_ONLY or not isinstance(option.default, _LITERALS)
    ]
    if setup.default is not inspect.Parameter.empty:
        broken.append("its constructor's first argument, the setup, has a default")
    return broken or _runs(entry)


def check_named(name: str, out: Console) -> int:
    """Check `gpm` on all its tracks, or the one entry `forgetting.split/gpm`, and print; exit code 0 or 1.

    Raises UnknownNameError with a suggestion if there is no such method.
    """
    entries = [entry for track in all_tracks() for entry in track.entries.values()]
    chosen = [entry for entry in entries if name in (entry.name, str(entry))]
    if not chosen:
        raise unknown("method", name, {known for entry in entries for known in (entry.name, str(entry))})
    failed = False
    for entry in chosen:
        broken = check(entry)
        failed = failed or bool(broken)
        out.print(f"{entry}: {'keeps the contract' if not broken else 'breaks it'}", style="red" if broken else "green")
        for sentence in broken:
            out.print(f"  {escape(sentence)}")
    return 1 if failed else 0


def _runs(entry: Entry) -> list[str]:
    plan = Plan.of(Job(entry.track, entry.name, Tier.SMOKE, 0))
    limits = Limits(_SECONDS, int(psutil.virtual_memory().total) // 2)
    try:
        first, second = (run_job(plan, Conditions("cpu", limits), threads=1, alone=False) for _ in range(2))
    except DataError as error:
        return [f"its smoke run has no data: {error}"]
    for record in (first, second):
        if record.failure is not None:
            return [f"smoke run: {record.status}: {record.failure.message}\n{record.failure.details}".rstrip()]
    return _differences(plan.track, first, second)


def _differences(track: Track[Any], first: Record, second: Record) -> list[str]:
    measured = {metric.name for metric in track.metrics if metric.measured}
    compared = [name for name in first.metrics if name not in measured]
    differing = [name for name in compared if first.metrics[name] != second.metrics.get(name)]
    if not track.timing:  # whose curves hold times
        differing += [name for name in first.curves if first.curves[name] != second.curves.get(name)]
    if not differing:
        return []
    return [f"two runs with one seed differ in {', '.join(differing)}: draw from setup.generator(...) only"]
