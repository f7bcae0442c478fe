"""What the verbs that only look show: registry, store, devices, datasets, report."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmark.errors import DataError
from benchmark.store import Store

if TYPE_CHECKING:
    from benchmark.source import Source


def console(*, stderr: bool = False) -> Console:
    """The terminal; where output is piped, wide enough that no line is broken."""
    out = Console(stderr=stderr, highlight=False)
    return out if out.is_terminal else Console(stderr=stderr, highlight=False, width=160, soft_wrap=True)


def duration(seconds: float) -> str:
    """Write seconds as people say them: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def load_plugins(paths: Sequence[Path], out: Console | None = None) -> list[str]:
    """Load our plug-ins, entry points and the given paths; print what is broken, and return it, and go on.

    Raises ModuleNotFoundError if torch is missing: then all are broken, for one reason.
    """
    if importlib.util.find_spec("torch") is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    from benchmark import plugins

    problems = [str(p) for p in [*plugins.load_datasets(), *plugins.load_methods(), *plugins.load_paths(paths)]]
    for problem in problems:
        (out or console(stderr=True)).print(escape(problem), style="red")
    return problems


def registry(*, as_json: bool) -> None:
    """Tasks, tracks, tiers and methods."""
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


def status(root: Path, *, as_json: bool) -> int:
    """Jobs per device, track and tier; failures; unreadable files. Exit code 1 if a file cannot be read."""
    scan = Store(root).scan()
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for record in scan.records:
        counts[record.device.slug, record.track, record.tier]["in process" if record.in_process else record.status] += 1
    failures = [record for record in scan.records if record.failure is not None]
    if as_json:
        print_json({
            "store": str(root),
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
        return 1 if scan.problems else 0
    out = console()
    if not scan.records and not scan.problems:
        out.print(f"no records in {root}; heptathlon run makes some")
        return 0
    table = Table("device", "track", "tier", "jobs", box=None, padding=(0, 2, 0, 0))
    for (device, track, tier), count in sorted(counts.items()):
        table.add_row(device, track, tier, ", ".join(f"{number} {word}" for word, number in sorted(count.items())))
    out.print(table)
    for record in failures:
        assert record.failure is not None
        out.print(f"{record.job}: {record.status}: {escape(record.failure.message)}", style="red")
    for problem in scan.problems:
        out.print(escape(problem), style="red")
    return 1 if scan.problems else 0


def devices(*, as_json: bool) -> None:
    """This machine's CPU and GPUs."""
    from benchmark import device

    found = [device.describe(name) for name in ["cpu", *(f"cuda:{i}" for i in range(len(device.list_gpus())))]]
    if as_json:
        print_json([item.model_dump() for item in found])
        return
    for item in found:
        memory = item.device_memory_bytes or item.memory_bytes
        driver = f", driver {item.driver}" if item.driver else ""
        cores = f", {item.cores} cores" if item.kind == "cpu" else ""
        console().print(f"[bold]{item.slug}[/]  {item.name}{cores}, {memory / 2**30:.1f} GiB{driver}, {item.system}")


def datasets(*, as_json: bool) -> None:
    """The catalogue, with the content hash of each dataset that is here."""
    from benchmark.data import (
        ControlDataset,
        ProceduralDataset,
        SequenceDataset,
        VectorDataset,
        catalogue,
        data_root,
    )
    from benchmark.source import Source

    kinds = {
        ProceduralDataset: "procedural",
        ControlDataset: "control",
        VectorDataset: "vectors",
        SequenceDataset: "sequences",
    }
    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "title": entry.title,
            "kind": next((word for kind, word in kinds.items() if isinstance(entry.dataset, kind)), "fixed"),
            "licence": entry.licence,
            "source": entry.source,
            "content": _content(Source.of(entry)),
        }
        for entry in catalogue
    ]
    if as_json:
        print_json({"data_root": str(data_root()), "datasets": rows})
        return
    table = Table("name", "what", "kind", "licence", "content hash", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(row["name"], row["title"], row["kind"], row["licence"], (row["content"] or "not here")[:12])
    out = console()
    out.print(table)
    out.print(f"data folder: {data_root()} (set HEPTATHLON_DATA for another)")


def _content(source: Source) -> str | None:
    """Content hash of a dataset, or None if it is not here."""
    return None if source.missing() else source.fingerprint().partition(":")[2]


def fetch(name: str) -> None:
    """Download a dataset. Raises DataError, with what to do by hand, if it cannot."""
    from benchmark.data import FixedDataset, catalogue
    from benchmark.source import Source

    entry = catalogue.find(name)
    source = Source.of(entry)
    if not isinstance(entry.dataset, FixedDataset):
        console().print(f"{name} is made here: nothing to fetch")
        return
    if source.missing() is None:
        console().print(f"{name} is in {source.root} already")
        return
    entry.dataset.fetch(source.root)
    left = source.missing()
    if left:
        raise DataError(left)
    console().print(f"{name} is in {source.root} now: {source.fingerprint()}")


def report(roots: Sequence[Path], out: Path, *, as_json: bool) -> int:
    """Rank, print, and write the page. Exit code 1 if there is nothing to rank or a record cannot be read."""
    import reports
    from reports import terminal

    scan = reports.gather(roots)
    screen = console(stderr=as_json)
    for problem in scan.problems:
        screen.print(escape(problem), style="red")
    if not scan.records:
        screen.print(f"no records in {', '.join(map(str, roots))}; heptathlon run makes some", style="yellow")
        return 1
    words = [f"--store {root}" for root in roots if list(roots) != [Path("runs")]]
    words += [f"--out {out}"] if out != Path("site") else []
    built = reports.build(scan, out, command=" ".join(["heptathlon report", *words]))
    if as_json:
        from reports import frames

        print_json({
            "index": str(built.index),
            "files": [str(file) for file in built.files],
            "rows": frames.summary(built.tables).to_dicts(),
            "problems": list(built.problems),
        })  # fmt: skip
    else:
        terminal.show(built.tables, screen)
        screen.print(f"page: {built.index}")
    return 1 if scan.problems else 0


def print_json(value: object) -> None:
    """Print a value for a program to read."""
    print(json.dumps(value, indent=1, ensure_ascii=False))
