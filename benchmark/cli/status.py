"""`heptathlon status`: what a store holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import typer

from benchmark.cli.app import JsonOption, StoreOption, app
from benchmark.cli.console import console, print_json


@app.command()
def status(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """Say what a store holds: finished and failed jobs per track, and files that cannot be read."""
    from rich.markup import escape
    from rich.table import Table

    from benchmark.results.store import Store

    scan = Store(store).scan()
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for record in scan.records:
        counts[record.device.slug, record.track, record.tier]["in process" if record.in_process else record.status] += 1
    failures = [record for record in scan.records if record.failure is not None]
    if as_json:
        print_json({
            "store": str(store),
            "jobs": [
                {"device": device, "track": track, "tier": tier, "counts": dict(count)}
                for (device, track, tier), count in sorted(counts.items())
            ],
            "failures": [
                {"job": str(record.job), "status": record.status, "message": record.failure.message}
                for record in failures if record.failure
            ],
            "unreadable": list(scan.problems),
        })  # fmt: skip
        raise typer.Exit(1 if scan.problems else 0)
    out = console()
    if not scan.records and not scan.problems:
        out.print(f"no records in {store}; heptathlon run makes some")
        return
    table = Table("device", "track", "tier", "jobs", box=None, padding=(0, 2, 0, 0))
    for (device, track, tier), count in sorted(counts.items()):
        table.add_row(device, track, tier, ", ".join(f"{number} {word}" for word, number in sorted(count.items())))
    out.print(table)
    for record in failures:
        assert record.failure is not None
        out.print(f"{record.job}: {record.status}: {escape(record.failure.message)}", style="red")
    for problem in scan.problems:
        out.print(escape(problem), style="red")
    raise typer.Exit(1 if scan.problems else 0)
