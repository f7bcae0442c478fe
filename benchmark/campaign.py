"""The `run` verb: select jobs, run them, show progress, say at the end what happened."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from benchmark import forkserver
from benchmark.job import Tier
from benchmark.selection import Estimates, Request, Selection, select
from benchmark.store import Store
from benchmark.views import console, duration, load_plugins

if TYPE_CHECKING:
    from benchmark.executors.local import LocalExecutor

TIME_LIMITS = {Tier.SMOKE: 60.0, Tier.QUICK: 300.0, Tier.STANDARD: 6 * 3600.0, Tier.PAPER: 48 * 3600.0}
"""Seconds that a method may take per job, unless the command says otherwise: far above what any should need."""

_MEMORY_SHARE = 0.9


@dataclass
class _Tally:
    """What became of the jobs so far."""

    ok: int = 0
    in_doubt: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Options:
    """How a request is run: the options of the command. memory_limit: bytes; time_limit: seconds; None: the default."""

    store_root: Path
    device_name: str
    plugins: Sequence[Path]
    workers: int | None
    time_limit: float | None
    memory_limit: int | None
    in_process: bool
    as_json: bool


def run(request: Request, options: Options) -> int:
    """Run what the request names and is not answered yet; return the exit code, 0 or 1, or 130 if interrupted.

    Raises UsageError for wrong words and StoreError, before the first job, for a store that cannot be written.
    """
    if options.in_process:
        return _run(request, options)
    forkserver.start()  # it imports torch side by side with this process
    try:
        return _run(request, options)
    finally:
        forkserver.stop()


def _run(request: Request, options: Options) -> int:
    out = console(stderr=options.as_json)
    problems = load_plugins(options.plugins, out)
    from benchmark import device
    from benchmark.contestant import Limits
    from benchmark.executors.local import LocalExecutor
    from benchmark.runner import Conditions

    name = device.resolve(options.device_name)
    store = Store(options.store_root)
    store.check_writable()
    cores = 1 if name.startswith("cuda") else options.workers or device.available_cores()
    limits = Limits(
        seconds=options.time_limit or TIME_LIMITS[Tier(request.tier)],
        bytes=options.memory_limit or int(psutil.virtual_memory().total * _MEMORY_SHARE / cores),
    )
    conditions = Conditions(name, limits, options.in_process)
    slug = device.describe(name).slug
    selection, estimates = select(request, store, conditions, slug)
    _announce(selection, out, slug, options.store_root)
    executor = LocalExecutor(
        store, conditions, workers=options.workers, on_wait=lambda what: out.print(f"waiting: {what}", style="yellow")
    )
    tally = _Tally()
    start = time.perf_counter()
    interrupted = False
    try:
        if selection.pending:
            with _terminable():
                if not options.in_process:
                    with out.status("starting"):
                        forkserver.wait()
                _follow(executor, selection, estimates, tally, out)
    except KeyboardInterrupt:
        interrupted = True
    _conclude(selection, tally, out, interrupted=interrupted, seconds=time.perf_counter() - start)
    if options.as_json:
        summary = _summary(selection, tally, problems, slug, options.store_root, interrupted=interrupted)
        print(json.dumps(summary, indent=1))
    if interrupted:
        return 130
    return 1 if tally.failed or tally.not_run or selection.missing_data else 0


def _announce(selection: Selection, out: Console, slug: str, store_root: Path) -> None:
    for note in selection.notes:
        out.print(f"note: {escape(note)}", style="yellow")
    for reason, left_out in selection.missing_data.items():
        out.print(f"{len(left_out)} jobs left out: {escape(reason)}", style="red")
    total = len(selection.pending) + len(selection.answered)
    if not total:
        out.print("no job to run")
    elif not selection.pending:
        out.print(f"nothing to do: all {total} jobs are finished in {store_root} for {slug}")
    else:
        done = f", {len(selection.answered)} finished before" if selection.answered else ""
        out.print(f"{len(selection.pending)} jobs to run on {slug}{done}")


def _follow(executor: LocalExecutor, selection: Selection, estimates: Estimates, tally: _Tally, out: Console) -> None:
    """Run the pending plans under a progress bar; without a terminal, print a line for each."""
    left = {plan.job: estimates(plan) for plan in selection.pending}
    expected = taken = 0.0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), _TimeLeft())
    # Closing ends the contestants, wherever in this function Ctrl-C strikes.
    finished = closing(executor.run(selection.pending, estimates))
    with finished as results, Progress(*columns, console=out, disable=not out.is_terminal) as progress:
        bar = progress.add_task("running", total=len(left), deadline=_deadline(left.values(), executor.workers, 1.0))
        for done in results:
            share = left.pop(done.plan.job)
            record = done.record
            if record is None:
                tally.not_run.append(f"{done.plan.job}: {done.problem}")
                out.print(f"{done.plan.job}: {escape(str(done.problem))}", style="red", highlight=False)
            else:
                expected, taken = expected + share, taken + record.costs.wall_seconds
                line = f"{done.plan.job}: "
                if record.doubt:
                    tally.in_doubt.append(f"{line}{record.doubt}")
                    out.print(escape(f"{line}in doubt, {record.doubt}"), style="yellow", highlight=False)
                elif record.failure is None:
                    tally.ok += 1
                    best = record.metrics[record.primary]
                    line += f"{record.primary} {best.value:.2f} {best.unit}, {record.costs.wall_seconds:.1f} s"
                    if not out.is_terminal:
                        out.print(line, highlight=False)
                else:
                    line += f"{record.status}: {record.failure.message}"
                    tally.failed.append(line)
                    out.print(escape(line), style="red", highlight=False)
            pace = taken / expected if expected else 1.0
            progress.update(bar, advance=1, deadline=_deadline(left.values(), executor.workers, pace))


def _deadline(left: Iterable[float], workers: int, pace: float) -> float:
    """When all will be done, on the clock of `time.perf_counter`, if jobs keep the pace they had."""
    return time.perf_counter() + pace * sum(left) / workers


class _TimeLeft(ProgressColumn):
    """Time left by the estimates per job, which know that jobs differ; rich's own assumes that they are alike."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text("done")
        seconds = task.fields["deadline"] - time.perf_counter()
        return Text(f"about {duration(seconds)} left" if seconds > 1 else "about to end", style="cyan")


def _conclude(selection: Selection, tally: _Tally, out: Console, *, interrupted: bool, seconds: float) -> None:
    if not selection.pending:
        return
    parts = [f"{tally.ok} ok"]
    parts += [f"{len(tally.in_doubt)} in doubt, which the same command runs again"] if tally.in_doubt else []
    parts += [f"{len(tally.failed)} failed"] if tally.failed else []
    parts += [f"{len(tally.not_run)} not run"] if tally.not_run else []
    text = f"{', '.join(parts)} in {duration(seconds)}"
    if interrupted:
        open_jobs = len(selection.pending) - tally.ok - len(tally.in_doubt) - len(tally.failed)
        out.print(
            f"interrupted: {text}; {open_jobs} are left, and the same command continues with them", style="yellow"
        )
    else:
        out.print(text, style="red" if tally.failed or tally.not_run else "yellow" if tally.in_doubt else "green")


def _summary(
    selection: Selection, tally: _Tally, problems: list[str], slug: str, store_root: Path, *, interrupted: bool
) -> dict[str, object]:
    return {
        "device": slug,
        "store": str(store_root),
        "finished_before": len(selection.answered),
        "ok": tally.ok,
        "in_doubt": tally.in_doubt,
        "failed": tally.failed,
        "not_run": tally.not_run,
        "missing_data": {reason: len(plans) for reason, plans in selection.missing_data.items()},
        "notes": list(selection.notes),
        "plugin_problems": problems,
        "interrupted": interrupted,
    }


@contextmanager
def _terminable() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C: contestants end, records are whole, the summary is printed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
