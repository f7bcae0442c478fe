"""`heptathlon run`: select jobs, run them, keep their records, say at the end what happened."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli.app import JsonOption, MethodOption, PluginOption, StoreOption, TaskOption, TrackOption, app
from benchmark.cli.console import console, load_plugins
from benchmark.results.job import Tier

if TYPE_CHECKING:
    from benchmark.running.selection import Request

TIME_LIMITS = {Tier.SMOKE: 60.0, Tier.QUICK: 300.0, Tier.STANDARD: 6 * 3600.0, Tier.PAPER: 48 * 3600.0}
"""Seconds that a method may take per job, unless the command says otherwise: far above what any should need."""

_MEMORY_SHARE = 0.9


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


@app.command()
def run(
    tier: Annotated[
        Tier, typer.Option(help="How large: smoke seconds, quick a minute or two, standard, paper.")
    ] = Tier.QUICK,
    task: TaskOption = None,
    track: TrackOption = None,
    method: MethodOption = None,
    seeds: Annotated[str, typer.Option(help="A count (3: seeds 0, 1, 2), a range (4-6) or a list (0,7).")] = "3",
    data: Annotated[
        str, typer.Option(help="Use this dataset in place of the track's own; see heptathlon data list.")
    ] = "",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or auto: the first GPU if there is one.")] = "auto",
    store: StoreOption = Path("runs"),
    plugin: PluginOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Jobs at a time on a CPU; one per core by default.")
    ] = None,
    time_limit: Annotated[float | None, typer.Option(min=0.001, help="Seconds that a method may take per job.")] = None,
    memory_limit: Annotated[
        float | None, typer.Option(min=0.001, help="GiB that a method may take; by default its share of the machine.")
    ] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Run finished jobs again too.")] = False,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run methods in this process, for a debugger; such records never rank.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run jobs and keep their records. Finished jobs are not run again, so repeating the command continues it."""
    from benchmark.processes import forkserver

    options = Options(
        store_root=store,
        device_name=device,
        plugins=plugin or [],
        workers=workers,
        time_limit=time_limit,
        memory_limit=None if memory_limit is None else int(memory_limit * 2**30),
        in_process=in_process,
        as_json=as_json,
    )
    if not in_process:
        forkserver.start()  # it imports torch side by side with this process, which has not begun to
    try:
        from benchmark.running import selection

        words = (task or [], track or [], method or [])
        request = selection.Request(tier.value, selection.parse_seeds(seeds), *words, data, rerun)
        code = carry_out(request, options)
    finally:
        if not in_process:
            forkserver.stop()
    raise typer.Exit(code)


def carry_out(request: Request, options: Options) -> int:
    """Run what the request names and is not answered yet; return the exit code, 0 or 1, or 130 if interrupted.

    Raises UsageError for wrong words and StoreError, before the first job, for a store that cannot be written.
    """
    import psutil

    from benchmark.cli.display.progress import Progress
    from benchmark.contestant.remote import Limits
    from benchmark.machine import device
    from benchmark.processes import forkserver
    from benchmark.results.store import Store
    from benchmark.running.executors import local
    from benchmark.running.plan import Conditions
    from benchmark.running.selection import select

    out = console(stderr=options.as_json)
    problems = load_plugins(options.plugins, out)
    name = device.resolve(options.device_name)
    store = Store(options.store_root)
    store.check_writable()
    seconds = options.time_limit or TIME_LIMITS[Tier(request.tier)]
    everything = int(psutil.virtual_memory().total * _MEMORY_SHARE)
    workers = local.workers(name, options.workers)
    limits = Limits(seconds, options.memory_limit or everything // workers)
    conditions = Conditions(name, limits, options.in_process)
    slug = device.describe(name).slug
    selection, estimates = select(request, store, conditions, slug)
    networks = {
        name: network.seconds for plan in selection.pending for name, network in plan.networks(conditions).items()
    }
    progress = Progress(selection, estimates, out, slug=slug, store=store, networks=networks)
    executor = local.LocalExecutor(
        conditions,
        workers=workers,
        on_wait=lambda what: out.print(f"waiting: {what}", style="yellow"),
        on_start=progress.started,
    )
    progress.announce()
    start = time.perf_counter()
    try:
        if selection.pending:
            with _terminable():
                if not options.in_process:
                    with out.status("starting"):
                        forkserver.wait()
                progress.follow(executor)
    except KeyboardInterrupt:
        progress.interrupted = True
    progress.conclude(time.perf_counter() - start)
    if options.as_json:
        print(json.dumps(progress.summary() | {"plugin_problems": problems}, indent=1))
    return 130 if progress.interrupted else 1 if progress.anything_failed else 0


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
