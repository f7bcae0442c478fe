"""Builds the report: every file is drawn from the same ranked tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.results.ranking import Table, tables
from benchmark.results.store import Scan, Store
from reports.site import output
from reports.tables import markdown

PAGE, MARKDOWN, CSV = "index.html", "leaderboard.md", "leaderboard.csv"


@dataclass(frozen=True, slots=True)
class Report:
    """What was built: the page to open, every file written (sorted), the ranked tables, and what is not there.

    problems: a sentence for each file that is no record, and for each figure that could not be drawn
    """

    index: Path
    files: tuple[Path, ...]
    tables: tuple[Table, ...]
    problems: tuple[str, ...]


def gather(roots: Iterable[Path]) -> Scan:
    """Read the stores under `roots` as one; a folder that does not exist is an empty store.

    A record that lies in two stores counts once (`ranking.tables`). Raises StoreError if a root is a file.
    """
    scans = [Store(root).scan() for root in roots]
    return Scan(
        tuple(record for scan in scans for record in scan.records),
        tuple(problem for scan in scans for problem in scan.problems),
    )


def build(
    scan: Scan,
    out: Path,
    *,
    command: str = "heptathlon report",
    processes: int = 0,
    kept: Path | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> Report:
    """Write `index.html`, `leaderboard.md`, `leaderboard.csv` and `figures/` into the folder `out`.

    command: how to make this report again, printed on the page;  processes, kept, advance: see
    `reports.studio.commission`. Files of an earlier report are replaced, others left alone. A figure that cannot be
    drawn leaves a note in its place. Raises StoreError if `out` cannot be written, or holds a file of ours' name that
    no report wrote.
    """
    # Imported here: matplotlib and polars take most of a second, which terminal tables need not wait for.
    from reports.drawing.canvas import Figure
    from reports.site import page
    from reports.studio import commission
    from reports.tables import frames

    ranked = tables(scan.records)
    output.check(out, (PAGE, MARKDOWN, CSV))
    drawn = commission.draw(ranked, processes=processes, kept=kept, advance=advance)
    files = {
        PAGE: page.render(scan, ranked, drawn, command=command),
        MARKDOWN: markdown.render(ranked),
        CSV: frames.summary(ranked).write_csv(),
    }
    files |= {each.path: each.svg for group in drawn.values() for each in group if isinstance(each, Figure)}
    output.write(files, out)
    broken = [
        f"{device}, {track}, {tier}: no figure {each.name}: {each.error}"
        for (device, track, tier), group in drawn.items()
        for each in group
        if not isinstance(each, Figure)
    ]
    return Report(out / PAGE, tuple(out / name for name in sorted(files)), tuple(ranked), (*scan.problems, *broken))
