"""`heptathlon list`: tasks, tracks, tiers and methods."""

from __future__ import annotations

from benchmark.cli.app import JsonOption, PluginOption, app
from benchmark.cli.console import console, load_plugins, print_json


@app.command("list")
def list_(plugin: PluginOption = None, as_json: JsonOption = False) -> None:
    """List tasks, tracks, tiers and methods."""
    from rich.table import Table

    load_plugins(plugin or [])
    from benchmark.tasks import all_tasks

    tasks = all_tasks()
    if as_json:
        print_json([
            {
                "task": task.name,
                "question": task.question,
                "tracks": [
                    {
                        "track": track.name,
                        "question": track.question,
                        "version": track.version,
                        "timing": track.timing,
                        "tiers": {tier: budget.data for tier, budget in track.tiers.items()},
                        "metrics": [
                            {"name": m.name, "unit": m.unit, "higher_is_better": m.higher_is_better,
                             "description": m.description}
                            for m in track.metrics
                        ],
                        "methods": [
                            {"name": e.name, "role": e.role, "paper": e.paper, "origin": e.origin}
                            for e in sorted(track.entries.values(), key=lambda e: e.name)
                        ],
                    }
                    for track in task.tracks
                ],
            }
            for task in tasks
        ])  # fmt: skip
        return
    out = console()
    for task in tasks:
        out.print(f"[bold]{task.name}[/]  {task.question}")
        for track in task.tracks:
            tiers = ", ".join(f"{tier} ({budget.data})" for tier, budget in track.tiers.items())
            out.print(
                f"  [bold]{track.name}[/]  {track.question}\n    tiers: {tiers}\n    ranks by: {track.primary.name}"
            )
            table = Table(box=None, padding=(0, 2, 0, 4), show_header=False)
            for entry in sorted(track.entries.values(), key=lambda entry: entry.name):
                table.add_row(entry.name, entry.role, entry.paper or "")
            out.print(table)
