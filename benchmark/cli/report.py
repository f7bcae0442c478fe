"""`heptathlon report`: rank the records and write the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.app import JsonOption, StoresOption, app
from benchmark.cli.console import console, print_json
from benchmark.cli.display.bar import bar
from benchmark.machine.backends.cpu import available_cores
from benchmark.machine.paths import cache_root


@app.command()
def report(
    store: StoresOption = [Path("runs")],  # noqa: B006  typer copies it
    out: Annotated[Path, typer.Option(help="Folder of the page, figures and tables.")] = Path("site"),
    as_json: JsonOption = False,
) -> None:
    """Rank the records per device: a table here, and a page, Markdown, CSV and figures in a folder. Needs no torch."""
    from rich.markup import escape

    import reports
    from reports.tables import terminal

    scan = reports.gather(store)
    screen = console(stderr=as_json)
    for problem in scan.problems:
        screen.print(escape(problem), style="red")
    if not scan.records:
        screen.print(f"no records in {', '.join(map(str, store))}; heptathlon run makes some", style="yellow")
        raise typer.Exit(1)
    known = len(scan.problems)
    words = [f"--store {root}" for root in store if list(store) != [Path("runs")]]
    words += [f"--out {out}"] if out != Path("site") else []
    with bar("drawing figures") as advance:
        built = reports.build(
            scan,
            out,
            command=" ".join(["heptathlon report", *words]),
            processes=available_cores(),
            kept=cache_root() / "figures",
            advance=advance,
        )
    for problem in built.problems[known:]:
        screen.print(escape(problem), style="red")
    if as_json:
        from reports.tables import frames

        print_json({
            "index": str(built.index),
            "files": [str(file) for file in built.files],
            "rows": frames.summary(built.tables).to_dicts(),
            "problems": list(built.problems),
        })  # fmt: skip
    else:
        terminal.show(built.tables, screen)
        screen.print(f"page: {built.index}")
    raise typer.Exit(1 if built.problems else 0)
