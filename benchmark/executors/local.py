"""Local executor: jobs share the cores, longest first; timing jobs have the machine to themselves; a GPU has one job.

The judge of each job is a thread of this process, which mostly waits for its contestant's process. Locks hold across
invocations on one machine, and are released by the system when a process dies.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass

import torch
from filelock import FileLock, ReadWriteLock, Timeout

from benchmark import device, runner
from benchmark.data import cache_root
from benchmark.errors import HeptathlonError, StoreError
from benchmark.record import Record
from benchmark.runner import Conditions, Plan
from benchmark.store import Store

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a plan: a record, or the reason why there is none (its data, or the store, failed)."""

    plan: Plan
    record: Record | None
    problem: str | None = None


class LocalExecutor:
    """Runs plans and writes each record as soon as it exists, so that an interruption loses only what was running.

    on_wait(what) is called once if another invocation holds what this one needs.
    """

    def __init__(
        self, store: Store, conditions: Conditions, *, workers: int | None, on_wait: Callable[[str], None]
    ) -> None:
        on_gpu = conditions.device_name.startswith("cuda")
        self.workers = 1 if on_gpu or conditions.in_process else workers or device.available_cores()
        torch.set_num_threads(1)  # judges share the cores with the contestants
        self._store = store
        self._conditions = conditions
        self._on_wait = on_wait
        self._interrupted = threading.Event()
        self._store_failed = threading.Event()

    def run(self, plans: Sequence[Plan], seconds: Callable[[Plan], float]) -> Generator[Done, None, None]:
        """Run all plans, yielding each as it is done; seconds: how long a plan is expected to take.

        Stops starting jobs when the store cannot be written, or when the caller closes the iterator.
        """
        ordered = sorted(plans, key=lambda plan: (-seconds(plan), plan.job))
        shared = [plan for plan in ordered if not plan.track.timing]
        alone = [plan for plan in ordered if plan.track.timing]
        with self._gpu_lease():
            if shared:
                with self._machine(exclusive=False):
                    yield from self._batch(shared, self.workers, threads=1)
            if alone:
                with self._machine(exclusive=True):
                    yield from self._batch(alone, 1, threads=device.available_cores())

    def _batch(self, plans: Sequence[Plan], workers: int, *, threads: int) -> Iterator[Done]:
        if self._conditions.in_process:  # a debugger wants the main thread
            for plan in plans:
                yield self._one(plan, threads, alone=True)
            return
        pool = ThreadPoolExecutor(workers, thread_name_prefix="judge")
        waiting = {pool.submit(self._one, plan, threads, workers == 1) for plan in plans}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BaseException:  # Ctrl-C, or the caller closes the iterator
            self._interrupted.set()
            pool.shutdown(wait=False, cancel_futures=True)
            running = [future for future in waiting if not future.cancelled()]  # `wait` never calls those others done
            while wait(running, timeout=_POLL_SECONDS).not_done:
                for contestant in multiprocessing.active_children():
                    contestant.kill()  # its judge then sees the end of the pipe, and this method the interruption
            raise
        pool.shutdown()

    def _one(self, plan: Plan, threads: int, alone: bool) -> Done:
        if self._store_failed.is_set():  # every further result would be lost as well
            return Done(plan, None, "not run, since the store cannot be written")
        try:
            record = runner.run_job(plan, self._conditions, threads=threads, alone=alone)
            if self._interrupted.is_set():
                return Done(plan, None, "interrupted")
            self._store.write(record)
        except StoreError as error:
            self._store_failed.set()
            return Done(plan, None, str(error))
        except HeptathlonError as error:
            return Done(plan, None, str(error))
        except Exception as error:  # noqa: BLE001  a fault of ours in one job must not cost the others
            lines = "".join(traceback.format_exception(error)).rstrip()
            return Done(plan, None, f"a fault of the harness, not of the method; please report it\n{lines}")
        return Done(plan, record)

    @contextlib.contextmanager
    def _machine(self, *, exclusive: bool) -> Iterator[None]:
        """Share the machine with other invocations, or have it alone."""
        lock = ReadWriteLock(self._lock_path("machine"))
        acquire = lock.write_lock if exclusive else lock.read_lock
        try:
            context = acquire(timeout=0.1)
            context.__enter__()
        except Timeout:
            self._on_wait("another invocation runs timing jobs" if not exclusive else "other invocations run jobs")
            context = acquire()
            context.__enter__()
        try:
            yield
        finally:
            context.__exit__(None, None, None)
            lock.close()

    @contextlib.contextmanager
    def _gpu_lease(self) -> Iterator[None]:
        name = self._conditions.device_name
        if not name.startswith("cuda"):
            yield
            return
        lock = FileLock(self._lock_path(name.replace(":", "-")))
        try:
            lock.acquire(timeout=0.1)
        except Timeout:
            self._on_wait(f"another invocation uses {name}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _lock_path(self, name: str) -> str:
        folder = cache_root() / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot make {folder}: {error}; set HEPTATHLON_CACHE to a folder you can write"
            ) from error
        return str(folder / f"{name}.lock")
