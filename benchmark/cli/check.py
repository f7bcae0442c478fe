"""`heptathlon check`: does a method keep its tracks' contract?"""

from __future__ import annotations

from typing import Annotated

import typer

from benchmark.cli.app import PluginOption, app
from benchmark.cli.console import console, load_plugins


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="A method, as in gpm, or one of its entries, as in forgetting.split/gpm.")
    ],
    plugin: PluginOption = None,
) -> None:
    """Check that a method keeps its tracks' contract: a smoke run of each, twice, with the same result."""
    from rich.markup import escape

    from benchmark.running import contract

    load_plugins(plugin or [])
    out, failed = console(), False
    for entry in contract.named(name):
        broken = contract.check(entry)
        failed = failed or bool(broken)
        out.print(f"{entry}: {'keeps the contract' if not broken else 'breaks it'}", style="red" if broken else "green")
        for sentence in broken:
            out.print(f"  {escape(sentence)}")
    raise typer.Exit(1 if failed else 0)
