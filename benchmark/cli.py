"""The command line. Heavy modules are imported by the verbs that need them, so that `--help` answers at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark import __version__
from benchmark.errors import HeptathlonError, UsageError
from benchmark.job import Tier

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Heptathlon: a leaderboard for methods that promise robust or efficient learning. Seven tasks, ranked per "
    "device, the cost beside the quality. Start with: heptathlon run, then heptathlon report.",
)
data_app = typer.Typer(no_args_is_help=True, help="List the datasets, and fetch those that can be downloaded.")
app.add_typer(data_app, name="data")

Many = list[str]
StoreOption = Annotated[Path, typer.Option("--store", help="Folder of the records.")]
StoresOption = Annotated[list[Path], typer.Option("--store", help="Folder of records; repeat for several.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output for a program to read.")]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", help="A Python file, or a folder of them, that registers methods or datasets; repeatable."
    ),
]
TaskOption = Annotated[Many | None, typer.Option("--task", help="Only this task; repeatable.")]
TrackOption = Annotated[
    Many | None, typer.Option("--track", help="Only this track, as in forgetting.split; repeatable.")
]
MethodOption = Annotated[Many | None, typer.Option("--method", help="Only this method; repeatable.")]


def main() -> None:
    """Entry point: run the command, and turn errors into one clear message and an exit code.

    0 all well, 1 a job failed or something could not be done, 2 wrong use, 130 interrupted.
    """
    try:
        app(standalone_mode=True)
    except UsageError as error:
        _fail(str(error), 2)
    except HeptathlonError as error:
        _fail(str(error), 1)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        _fail(f"this command needs {error.name}: pip install 'heptathlon[run]'", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nothing left to tell


def _fail(message: str, code: int) -> None:
    print(f"heptathlon: {message}", file=sys.stderr)
    sys.exit(code)


def _version(value: bool) -> None:
    if value:
        print(f"heptathlon {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None: ...


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
    from benchmark import campaign, selection

    request = selection.Request(
        tier.value, selection.parse_seeds(seeds), task or [], track or [], method or [], data, rerun
    )
    options = campaign.Options(
        store_root=store,
        device_name=device,
        plugins=plugin or [],
        workers=workers,
        time_limit=time_limit,
        memory_limit=None if memory_limit is None else int(memory_limit * 2**30),
        in_process=in_process,
        as_json=as_json,
    )
    raise typer.Exit(campaign.run(request, options))


@app.command()
def report(
    store: StoresOption = [Path("runs")],  # noqa: B006  typer copies it
    out: Annotated[Path, typer.Option(help="Folder of the page, figures and tables.")] = Path("site"),
    as_json: JsonOption = False,
) -> None:
    """Rank the records per device: a table here, and a page, Markdown, CSV and figures in a folder. Needs no torch."""
    from benchmark.views import report as show

    raise typer.Exit(show(store, out, as_json=as_json))


@app.command("list")
def list_(plugin: PluginOption = None, as_json: JsonOption = False) -> None:
    """List tasks, tracks, tiers and methods."""
    from benchmark import views

    views.load_plugins(plugin or [])
    views.registry(as_json=as_json)


@app.command()
def status(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """Say what a store holds: finished and failed jobs per track, and files that cannot be read."""
    from benchmark import views

    raise typer.Exit(views.status(store, as_json=as_json))


@app.command()
def device(as_json: JsonOption = False) -> None:
    """Describe this machine's devices as records and tables name them."""
    from benchmark import views

    views.devices(as_json=as_json)


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="A method, as in gpm, or one of its entries, as in forgetting.split/gpm.")
    ],
    plugin: PluginOption = None,
) -> None:
    """Check that a method keeps its tracks' contract: a smoke run of each, twice, with the same result."""
    from benchmark import contract, views

    views.load_plugins(plugin or [])
    raise typer.Exit(contract.check_named(name, views.console()))


@app.command()
def throughput(
    out: Annotated[Path, typer.Option(help="File for pytest-benchmark's JSON.")] = Path("throughput.json"),
    only: Annotated[str, typer.Option(help="Only kernels that match, as in pytest -k; anchors always run.")] = "",
) -> None:
    """Time the hot kernels of the methods on this machine, beside plain kernels of torch that anchor comparisons."""
    from benchmark.throughput import suite, views

    code = suite.run(out, only=only)
    views.roofline(out)
    raise typer.Exit(code)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A file that heptathlon throughput wrote.")],
    second: Annotated[Path, typer.Argument(help="Another one, of another machine or another day.")],
    out: Annotated[Path | None, typer.Option(help="Draw the ratios into this SVG file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many times as fast each kernel is in the second run, raw and relative to the anchors. Needs no torch."""
    from benchmark.throughput import views

    raise typer.Exit(views.compare(first, second, out, as_json=as_json))


@data_app.command("list")
def data_list(plugin: PluginOption = None, as_json: JsonOption = False) -> None:
    """List the datasets: kind, licence, source, and whether their files are here."""
    from benchmark import views

    views.load_plugins(plugin or [])
    views.datasets(as_json=as_json)


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="The dataset, as in mnist.")], plugin: PluginOption = None
) -> None:
    """Download a dataset into $HEPTATHLON_DATA. Nothing else in heptathlon downloads."""
    from benchmark import views

    views.load_plugins(plugin or [])
    views.fetch(name)
