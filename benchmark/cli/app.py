"""The application that the verbs register on, and the options that several of them take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Heptathlon: a leaderboard for methods that promise robust or efficient learning. Seven tasks, ranked per "
    "device, the cost beside the quality. Start with: heptathlon run, then heptathlon report.",
)

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
