"""The page: one static file that opens offline, with its figures beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from benchmark.results.ranking import Table
from benchmark.results.record import Record
from benchmark.results.store import Scan
from reports.drawing.palette import styles
from reports.studio.painter import Drawn
from reports.tables import formatting
from reports.tables.board import Board, board
from reports.tables.sentences import Sentences, sentences

_ARXIV = re.compile(r"arXiv:([\w.-]+/\d{7}|\d{4}\.\d{4,5})(v\d+)?\Z")


@dataclass(frozen=True, slots=True)
class TrackView:
    """A table as the page shows it."""

    anchor: str
    title: str
    question: str
    table: Table
    board: Board
    figures: Sequence[Drawn]
    colours: Mapping[str, str]
    sentences: Sentences | None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device's part of the page. provenance: (label, lines)."""

    anchor: str
    slug: str
    name: str
    facts: Sequence[str]
    tracks: Sequence[TrackView]
    failures: Sequence[Record]
    provenance: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """The best method of a track on a device: where its table is, its name and value, and among how many."""

    anchor: str
    text: str
    quiet: str


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """The best method of a track and tier on every device of the page, None where there is no table."""

    title: str
    tier: str
    entries: Sequence[Entry | None]


def render(
    scan: Scan, tables: Sequence[Table], figures: Mapping[tuple[str, str, str], Sequence[Drawn]], *, command: str
) -> str:
    """Write the page. figures: those of (device, track, tier); command: how to make the page again."""
    environment = Environment(
        loader=PackageLoader("reports.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["arxiv"] = _arxiv
    environment.filters["minus"] = lambda text: re.sub(r"-(?=\d)", "−", text)
    colours = {name: style.colour for name, style in styles(tables).items()}
    by_device = groupby(tables, key=lambda table: table.device)
    devices = [_device(slug, list(group), scan.records, figures, colours) for slug, group in by_device]
    return environment.get_template("index.html").render(
        facts=_facts(scan.records, tables),
        overview=_overview(devices),
        devices=devices,
        problems=scan.problems,
        command=command,
    )


def _device(
    slug: str,
    tables: Sequence[Table],
    records: Iterable[Record],
    figures: Mapping[tuple[str, str, str], Sequence[Drawn]],
    colours: Mapping[str, str],
) -> DeviceView:
    inside = [record for table in tables for row in table.rows for record in row.records + row.failures]
    newest = max(inside, key=lambda record: record.started_at)
    in_process = sum(record.in_process and record.device.slug == slug for record in records)
    views = [
        TrackView(
            anchor=_anchor(slug, table.track, table.tier),
            title=formatting.track(table.track),
            question=table.question,
            table=table,
            board=board(table),
            figures=figures.get((slug, table.track, table.tier), ()),
            colours=colours,
            sentences=sentences(table),
        )
        for table in tables
    ]
    facts = [formatting.count(newest.device.cores, "core"), f"{newest.device.memory_bytes / 2**30:.0f} GiB of memory"]
    if newest.device.device_memory_bytes is not None:
        facts.append(f"{newest.device.device_memory_bytes / 2**30:.0f} GiB on the device")
    return DeviceView(
        anchor=_anchor(slug),
        slug=slug,
        name=newest.device.name,
        facts=facts,
        tracks=views,
        failures=sorted(
            (record for record in inside if record.status != "ok"),
            key=lambda record: (record.track, record.tier, record.method, record.seed),
        ),
        provenance=_provenance(inside, in_process),
    )


def _provenance(records: Sequence[Record], in_process: int) -> list[tuple[str, Sequence[str]]]:
    dates = sorted(record.started_at for record in records)
    parts: list[tuple[str, Sequence[str]]] = [
        ("records", [f"{formatting.count(len(records), 'record')}, started {dates[0]} to {dates[-1]}"]),
        ("code", _counted(_code(record) for record in records)),
        ("software", _counted(_software(record) for record in records)),
        ("system", _counted(_system(record) for record in records)),
    ]
    if in_process:
        parts.append(("left out", [f"{formatting.count(in_process, 'run')} inside the judge's process, never ranked"]))
    return parts


def _counted(lines: Iterable[str]) -> list[str]:
    """Each different line with the number of records it holds for, the most frequent first."""
    counts = Counter(lines)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{line} ({formatting.count(n, 'record')})" if len(counts) > 1 else line for line, n in ordered]


def _code(record: Record) -> str:
    where = record.provenance
    if where.commit is None:
        return "no commit known"
    return f"commit {where.commit[:12]}{', with uncommitted changes' if where.dirty else ''}"


def _software(record: Record) -> str:
    used = record.software
    versions = [f"heptathlon {used.heptathlon}", f"Python {used.python}", f"torch {used.torch}"]
    versions += [f"torchvision {used.torchvision}", f"numpy {used.numpy}"]
    return ", ".join(versions + ([f"CUDA {used.cuda}"] if used.cuda else []))


def _system(record: Record) -> str:
    driver = f", driver {record.device.driver}" if record.device.driver else ""
    return f"{record.device.system}, {record.device.cpu_name}{driver}, host {record.device.host}"


def _overview(devices: Sequence[DeviceView]) -> list[OverviewRow]:
    keys = sorted({(view.table.track, view.table.tier) for device in devices for view in device.tracks})
    found = {(device.slug, view.table.track, view.table.tier): view for device in devices for view in device.tracks}
    return [
        OverviewRow(
            formatting.track(track), tier, [_entry(found.get((device.slug, track, tier))) for device in devices]
        )
        for track, tier in keys
    ]


def _entry(view: TrackView | None) -> Entry | None:
    if view is None:
        return None
    ranked = [row for row in view.table.rows if row.rank is not None]
    if not ranked:
        return Entry(view.anchor, "none finished", "")
    first = [row.method for row in ranked if row.rank == 1]
    primary = next(position for position, heading in enumerate(view.board.headings) if heading.primary)
    value = view.board.lines[0].cells[primary].text
    return Entry(view.anchor, f"{', '.join(first)}: {value}", f"of {len(ranked)}")


def _facts(records: Sequence[Record], tables: Sequence[Table]) -> list[str]:
    if not records:
        return []
    return [
        formatting.count(len({table.track for table in tables}), "track"),
        formatting.count(len({row.method for table in tables for row in table.rows}), "method"),
        formatting.count(len({table.device for table in tables}), "device"),
        formatting.count(len(records), "record"),
        f"newest of {max(record.started_at for record in records)[:10]}",
    ]


def _anchor(*parts: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-").lower()


def _arxiv(paper: str) -> str | None:
    """The address of a paper given as `arXiv:2103.09762`, None for other references."""
    match = _ARXIV.match(paper)
    return f"https://arxiv.org/abs/{match[1]}{match[2] or ''}" if match else None
