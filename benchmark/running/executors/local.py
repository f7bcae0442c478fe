"""Local executor: jobs share the cores in the order given; timing jobs have the machine alone; a GPU has one job.

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

from benchmark.errors import HeptathlonError
from benchmark.machine import locks
from benchmark.machine.backends import backend, cpu
from benchmark.results.job import Job
from benchmark.running import runner
from benchmark.running.executors import Done
from benchmark.running.plan import Conditions, Plan

_POLL_SECONDS = 0.1


def workers(device_name: str, wanted: int | None) -> int:
    """Jobs at a time: one on a device that is leased, on the CPU as many as wanted, or one per core."""
    leased = backend(device_name).lease(device_name) is not None
    return 1 if leased else wanted or cpu.available_cores()


class LocalExecutor:
    """See `Executor`. Plug-ins are those that this process knows already.

    workers: jobs at a time;  on_wait(what): called once if another invocation holds what this one needs.
    """

    def __init__(self, conditions: Conditions, *, workers: int, on_wait: Callable[[str], None]) -> None:
        self._conditions, self._on_wait = conditions, on_wait
        self._lease = backend(conditions.device_name).lease(conditions.device_name)
        self.workers = 1 if self._lease or conditions.in_process else workers
        self._interrupted = threading.Event()

    def run(self, jobs: Sequence[Job]) -> Generator[Done, None, None]:
        """See `Executor.run`."""
        plans = [Plan.of(job) for job in jobs]
        shared, alone = ([plan for plan in plans if plan.track.timing is timing] for timing in (False, True))
        device = self._conditions.device_name
        with _threads(1), locks.lease(self._lease, what=device, on_wait=self._on_wait):
            if shared:
                with locks.machine(alone=False, on_wait=self._on_wait):
                    yield from self._batch(shared, self.workers, threads=1)
            if alone:
                with locks.machine(alone=True, on_wait=self._on_wait):
                    yield from self._batch(alone, 1, threads=cpu.available_cores())

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
        try:
            record = runner.run_job(plan, self._conditions, threads=threads, alone=alone)
        except HeptathlonError as error:
            return Done(plan.job, None, str(error))
        except Exception as error:  # noqa: BLE001  a fault of ours in one job must not cost the others
            lines = "".join(traceback.format_exception(error)).rstrip()
            return Done(plan.job, None, f"a fault of the harness, not of the method; please report it\n{lines}")
        return Done(plan.job, None, "interrupted") if self._interrupted.is_set() else Done(plan.job, record)


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
