"""What `heptathlon run` says: what is to do, how far it is, what became of it; it keeps records as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from benchmark.cli.console import duration
from benchmark.errors import StoreError
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.running.executors import Done, Executor, Made, round_name
from benchmark.running.selection import Estimates, Selection
from benchmark.tasks import find_track

_WORTH_A_LINE = 0.5
"""Seconds from which on the making of a network was more than finding it."""


class Progress:
    """The course of one run. interrupted: it was ended from outside.

    networks: expected seconds of those that the harness trains for the pending jobs, by name.
    """

    def __init__(
        self,
        selection: Selection,
        estimates: Estimates,
        out: Console,
        *,
        slug: str,
        store: Store,
        networks: Mapping[str, float],
    ) -> None:
        self._selection, self._estimates, self._out = selection, estimates, out
        self._slug, self._store, self._networks = slug, store, dict(networks)
        self._running = Running()
        self._ok = 0
        self._in_doubt: list[str] = []
        self._failed: list[str] = []
        self._not_run: list[str] = []
        self.interrupted = False

    @property
    def anything_failed(self) -> bool:
        """Whether some job failed, or was not run."""
        return bool(self._failed or self._not_run or self._selection.missing_data)

    def announce(self) -> None:
        """Say what is to do."""
        out, selection = self._out, self._selection
        for note in selection.notes:
            out.print(f"note: {escape(note)}", style="yellow")
        for reason, left_out in selection.missing_data.items():
            out.print(f"{len(left_out)} jobs left out: {escape(reason)}", style="red")
        total = len(selection.pending) + len(selection.answered)
        if not total:
            out.print("no job to run")
        elif not selection.pending:
            out.print(f"nothing to do: all {total} jobs are finished in {self._store.root} for {self._slug}")
        else:
            done = f", {len(selection.answered)} finished before" if selection.answered else ""
            made = f", and {len(self._networks)} networks that they need" if self._networks else ""
            out.print(f"{len(selection.pending)} jobs to run on {self._slug}{made}{done}")

    def started(self, what: str) -> None:
        """Note that a job, a round or the making of a network has started; any thread may say so."""
        self._running.add(what)

    def follow(self, executor: Executor) -> None:
        """Run the pending jobs, the longest first, and write each record as it comes.

        Shows a bar on a terminal, elsewhere a line for each job. If the store cannot be written no further job is run:
        its result would be lost as well.
        """
        out = self._out
        left: dict[Job | str, float] = {plan.job: self._estimates(plan) for plan in self._selection.pending}
        jobs = sorted((plan.job for plan in self._selection.pending), key=lambda job: (-left[job], job))
        left.update(self._networks)
        expected = taken = 0.0
        columns = (
            TextColumn("running", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _TimeLeft(),
            self._running,
        )
        # Closing ends the contestants, wherever in this function Ctrl-C strikes.
        finished = closing(executor.run(jobs))
        with finished as results, Bar(*columns, console=out, disable=not out.is_terminal) as bar:
            shown = bar.add_task("", total=len(left), deadline=_deadline(left.values(), executor.workers, 1.0))
            for done in results:
                share = left.pop(done.name if isinstance(done, Made) else done.job)
                try:
                    seconds = self._note(done) if isinstance(done, Made) else self._take(done)
                except StoreError as error:
                    assert isinstance(done, Done)
                    self._lose(done, str(error))
                    for job in [job for job in left if isinstance(job, Job)]:
                        self._lose(Done(job, None), "not run, since the store cannot be written")
                    return
                if seconds is not None:
                    expected, taken = expected + share, taken + seconds
                pace = taken / expected if expected else 1.0
                bar.update(shown, advance=1, deadline=_deadline(left.values(), executor.workers, pace))

    def conclude(self, seconds: float) -> None:
        """Say what became of it all."""
        if not self._selection.pending:
            return
        parts = [f"{self._ok} ok"]
        parts += [f"{len(self._in_doubt)} in doubt, which the same command runs again"] if self._in_doubt else []
        parts += [f"{len(self._failed)} failed"] if self._failed else []
        parts += [f"{len(self._not_run)} not run"] if self._not_run else []
        text = f"{', '.join(parts)} in {duration(seconds)}"
        if self.interrupted:
            left = len(self._selection.pending) - self._ok - len(self._in_doubt) - len(self._failed)
            self._out.print(
                f"interrupted: {text}; {left} are left, and the same command continues with them", style="yellow"
            )
        else:
            bad = self._failed or self._not_run
            self._out.print(text, style="red" if bad else "yellow" if self._in_doubt else "green")

    def summary(self) -> dict[str, object]:
        """The same for a program."""
        return {
            "device": self._slug,
            "store": str(self._store.root),
            "finished_before": len(self._selection.answered),
            "ok": self._ok,
            "in_doubt": self._in_doubt,
            "failed": self._failed,
            "not_run": self._not_run,
            "missing_data": {reason: len(plans) for reason, plans in self._selection.missing_data.items()},
            "notes": list(self._selection.notes),
            "interrupted": self.interrupted,
        }

    def _note(self, made: Made) -> float:
        """Say what became of a network; return the seconds that it took."""
        self._running.drop(made.name)
        if made.problem:
            self._out.print(f"{made.name}: {escape(made.problem)}", style="red", highlight=False)
        elif not self._out.is_terminal and made.seconds >= _WORTH_A_LINE:
            self._out.print(f"{made.name}: trained in {made.seconds:.1f} s", highlight=False)
        return made.seconds

    def _take(self, done: Done) -> float | None:
        """Keep a job's record and say what became of it; return the seconds that it took, None if it was not run."""
        self._running.drop(str(done.job), round_name(done.job))
        record = done.record
        if record is None:
            self._lose(done, str(done.problem))
            return None
        self._store.write(record)
        line = f"{done.job}: "
        if record.doubt and find_track(record.track).timing:
            self._in_doubt.append(f"{line}{record.doubt}")
            self._out.print(escape(f"{line}in doubt, {record.doubt}"), style="yellow", highlight=False)
        elif record.failure is None:
            self._ok += 1
            if record.doubt:
                self._out.print(escape(f"{line}not ranked, {record.doubt}"), style="yellow", highlight=False)
            elif not self._out.is_terminal:
                self._out.print(line + _result(record), highlight=False)
        else:
            line += f"{record.status}: {record.failure.message}"
            self._failed.append(line)
            self._out.print(escape(line), style="red", highlight=False)
        return record.costs.wall_seconds

    def _lose(self, done: Done, problem: str) -> None:
        self._not_run.append(f"{done.job}: {problem}")
        self._out.print(f"{done.job}: {escape(problem)}", style="red", highlight=False)


def _result(record: Record) -> str:
    best = record.metrics[record.primary]
    return f"{record.primary} {best.value:.2f} {best.unit}, {record.costs.wall_seconds:.1f} s"


def _deadline(left: Iterable[float], workers: int, pace: float) -> float:
    """When all will be done, on the clock of `time.perf_counter`, if jobs keep the pace they had."""
    return time.perf_counter() + pace * sum(left) / workers


class Running(ProgressColumn):
    """What runs now, as far as it fits on the line: jobs, rounds, networks in training."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Note a start."""
        with self._lock:
            self._names[name] = None

    def drop(self, *names: str) -> None:
        """Note an end, under whichever of these names it started; the jobs of a round end together."""
        with self._lock:
            for name in names:
                self._names.pop(name, None)

    def render(self, task: Task) -> Text:
        """Write the names."""
        with self._lock:
            return Text("  ".join(self._names), style="bright_black", overflow="ellipsis", no_wrap=True)


class _TimeLeft(ProgressColumn):
    """Time left by the estimates per job, which know that jobs differ; rich's own assumes that they are alike."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text("done")
        seconds = task.fields["deadline"] - time.perf_counter()
        return Text(f"about {duration(seconds)} left" if seconds > 1 else "about to end", style="cyan")
