"""`heptathlon throughput`: time the hot kernels of the methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.app import app
from benchmark.cli.console import console


@app.command()
def throughput(
    out: Annotated[Path, typer.Option(help="File for pytest-benchmark's JSON.")] = Path("throughput.json"),
    only: Annotated[str, typer.Option(help="Only kernels that match, as in pytest -k; anchors always run.")] = "",
) -> None:
    """Time the hot kernels of the methods on this machine, beside plain kernels of torch that anchor comparisons."""
    from benchmark.results.throughput import load
    from benchmark.throughput import suite

    code = suite.run(out, only=only)
    from reports import kernels

    kernels.show_roofline(load(out), console())
    raise typer.Exit(code)
