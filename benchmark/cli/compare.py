"""`heptathlon compare`: two runs of the throughput suite side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.app import JsonOption, app
from benchmark.cli.console import console, print_json
from benchmark.errors import StoreError


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A file that heptathlon throughput wrote.")],
    second: Annotated[Path, typer.Argument(help="Another one, of another machine or another day.")],
    out: Annotated[Path | None, typer.Option(help="Draw the ratios into this SVG file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many times as fast each kernel is in the second run, raw and relative to the anchors. Needs no torch."""
    from benchmark.results import throughput
    from reports import kernels

    found = throughput.compare(throughput.load(first), throughput.load(second))
    if as_json:
        print_json(kernels.rows(found))
    else:
        kernels.show(found, console())
    if out is not None:
        try:
            out.write_text(kernels.figure(found), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{out} cannot be written ({error}); name another file with --out") from error
        console(stderr=as_json).print(f"figure: {out}")
    raise typer.Exit(1 if found.refused else 0)
