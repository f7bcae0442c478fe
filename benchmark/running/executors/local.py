"""Local executor: jobs share the cores in the order given; timed rounds have the machine alone; a GPU has one job.

The judge of each job is a thread of this process, which mostly waits for its contestant's process. Locks hold across
invocations on one machine, and are released by the system when a process dies.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from benchmark.errors import HeptathlonError
from benchmark.machine import locks
from benchmark.machine.backends import backend, cpu
from benchmark.results.job import Job
from benchmark.running import runner
from benchmark.running.executors import Done, Made, round_name
from benchmark.running.plan import Conditions, Plan
from benchmark.tasks.rules import Network

R = TypeVar("R")

_POLL_SECONDS = 0.1


def workers(device_name: str, wanted: int | None) -> int:
    """Jobs at a time: one on a device that is leased, on the CPU as many as wanted, or one per core."""
    leased = backend(device_name).lease(device_name) is not None
    return 1 if leased else wanted or cpu.available_cores()


class LocalExecutor:
    """See `Executor`. Plug-ins are those that this process knows already.

    workers: jobs at a time;  on_wait(what): called once if another invocation holds what this one needs;
    on_start(what): called from any thread when a job, a round or the making of a network starts, with its name.
    """

    def __init__(
        self, conditions: Conditions, *, workers: int, on_wait: Callable[[str], None], on_start: Callable[[str], None]
    ) -> None:
        self._conditions, self._on_wait, self._on_start = conditions, on_wait, on_start
        self._lease = backend(conditions.device_name).lease(conditions.device_name)
        self.workers = 1 if self._lease or conditions.in_process else workers
        self._interrupted = threading.Event()

    def run(self, jobs: Sequence[Job]) -> Generator[Done | Made, None, None]:
        """See `Executor.run`."""
        plans = [Plan.of(job) for job in jobs]
        shared, timed = ([plan for plan in plans if plan.track.timing is timing] for timing in (False, True))
        device = self._conditions.device_name
        with _threads(1), locks.lease(self._lease, what=device, on_wait=self._on_wait):
            if shared:
                with locks.machine(alone=False, on_wait=self._on_wait):
                    yield from self._in_turn(shared) if self._conditions.in_process else self._side_by_side(shared)
            if timed:
                with locks.machine(alone=True, on_wait=self._on_wait):
                    yield from self._rounds(timed)

    def _in_turn(self, plans: Sequence[Plan]) -> Iterator[Done | Made]:
        """In the main thread, which a debugger wants."""
        problems: dict[str, str | None] = {}
        for plan in plans:
            needed = plan.networks(self._conditions)
            for name in [name for name in needed if name not in problems]:
                yield (made := self._make(name, needed[name]))
                problems[name] = made.problem
            problem = next((problems[name] for name in needed if problems[name]), None)
            yield Done(plan.job, None, problem) if problem else self._one(plan, 1)

    def _side_by_side(self, plans: Sequence[Plan]) -> Iterator[Done | Made]:
        """Networks first; a job waits for those that it needs, and holds no worker meanwhile."""
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="judge")
        needed = {plan.job: plan.networks(self._conditions) for plan in plans}
        networks = {name: network for found in needed.values() for name, network in found.items()}
        making = sorted(networks, key=lambda name: (-networks[name].seconds, name))
        waiting: set[Future[Done | Made]] = {pool.submit(self._make, name, networks[name]) for name in making}
        open_jobs = {plan.job: plan for plan in plans}
        missing = set(networks)
        try:
            while open_jobs or waiting:
                ready = [plan for job, plan in open_jobs.items() if not missing & needed[job].keys()]
                waiting |= {pool.submit(self._one, open_jobs.pop(plan.job), 1) for plan in ready}
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield (done := future.result())
                    if isinstance(done, Made):
                        missing.discard(done.name)
                        lost = [job for job in open_jobs if done.problem and done.name in needed[job]]
                        for job in lost:
                            del open_jobs[job]
                            yield Done(job, None, done.problem)
        except BaseException:  # Ctrl-C, or the caller closes the iterator
            self._end(pool, waiting)
            raise
        pool.shutdown()

    def _rounds(self, plans: Sequence[Plan]) -> Iterator[Done]:
        """One round at a time, all methods of it side by side."""
        rounds: dict[tuple[str, str, int], list[Plan]] = {}
        for plan in plans:
            rounds.setdefault((plan.job.track, plan.job.tier, plan.job.seed), []).append(plan)
        if self._conditions.in_process:
            for key in sorted(rounds):
                yield from self._round(rounds[key])
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="judge")
        waiting: set[Future[list[Done]]] = set()
        try:
            for key in sorted(rounds):
                waiting = {pool.submit(self._round, rounds[key])}
                wait(waiting)
                yield from waiting.pop().result()
        except BaseException:
            self._end(pool, waiting)
            raise
        pool.shutdown()

    def _end(self, pool: ThreadPoolExecutor, waiting: Iterable[Future[Any]]) -> None:
        """Start nothing further, and end the contestants of what runs."""
        self._interrupted.set()
        pool.shutdown(wait=False, cancel_futures=True)
        running = [future for future in waiting if not future.cancelled()]  # `wait` never calls those others done
        while wait(running, timeout=_POLL_SECONDS).not_done:
            for contestant in multiprocessing.active_children():
                contestant.kill()  # its judge then sees the end of the pipe, and this method the interruption

    def _make(self, name: str, network: Network) -> Made:
        self._on_start(name)
        start = time.perf_counter()
        _, problem = _tried(network.make)
        return Made(name, time.perf_counter() - start, problem)

    def _one(self, plan: Plan, threads: int) -> Done:
        self._on_start(str(plan.job))
        record, problem = _tried(
            lambda: runner.run_job(plan, self._conditions, threads=threads, alone=self.workers == 1)
        )
        return Done(plan.job, None, "interrupted") if self._interrupted.is_set() else Done(plan.job, record, problem)

    def _round(self, plans: Sequence[Plan]) -> list[Done]:
        self._on_start(round_name(plans[0].job))
        threads = cpu.available_cores()
        records, problem = _tried(lambda: runner.run_round(plans, self._conditions, threads=threads))
        problem = "interrupted" if self._interrupted.is_set() else problem
        if records is None or problem:
            return [Done(plan.job, None, problem) for plan in plans]
        return [Done(plan.job, record) for plan, record in zip(plans, records, strict=True)]


def _tried(run: Callable[[], R]) -> tuple[R | None, str | None]:
    """What it returns, or what went wrong: a fault of ours in one job must not cost the others."""
    try:
        return run(), None
    except HeptathlonError as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001
        lines = "".join(traceback.format_exception(error)).rstrip()
        return None, f"a fault of the harness, not of the method; please report it\n{lines}"


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let judges share the cores with the contestants: as many torch threads in this process."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
