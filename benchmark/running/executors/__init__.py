"""Where jobs run: words in, records out. `local` uses this machine's cores and GPUs; an engine for many machines is one
more file."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmark.results.job import Job
from benchmark.results.record import Record


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: a record, or the reason why there is none, such as missing data."""

    job: Job
    record: Record | None
    problem: str | None = None


def round_name(job: Job) -> str:
    """Name of the round of a timed track that a job is part of."""
    return f"{job.track}/{job.tier}-{job.seed}"


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a network that the harness trains for jobs: it is there, or the reason why it is not.

    seconds: that it took, next to none if it was kept from before.
    """

    name: str
    seconds: float
    problem: str | None = None


class Executor(Protocol):
    """Runs jobs under the conditions and with the plug-ins that it was made for. Whoever calls writes the records."""

    workers: int

    def run(self, jobs: Sequence[Job]) -> Generator[Done | Made, None, None]:
        """Run all jobs, those named first as early as it can, yielding each as it is done.

        Before them the networks that they need, which it yields too; a job whose network cannot be had is not run.

        Starts no further job, and ends those that run, when the caller closes the iterator.
        """
