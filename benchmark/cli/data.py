"""`heptathlon data`: the datasets, and how to get those that can be downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.app import JsonOption, PluginOption, app
from benchmark.cli.console import console, load_plugins, print_json
from benchmark.errors import DataError

if TYPE_CHECKING:
    from benchmark.data.source import Source

data_app = typer.Typer(no_args_is_help=True, help="List the datasets, and fetch those that can be downloaded.")
app.add_typer(data_app, name="data")


@data_app.command("list")
def list_(plugin: PluginOption = None, as_json: JsonOption = False) -> None:
    """List the datasets: kind, licence, source, and whether their files are here."""
    from rich.table import Table

    from benchmark.data.catalogue import catalogue
    from benchmark.data.kinds import kind_of
    from benchmark.data.source import Source
    from benchmark.machine.paths import data_root

    load_plugins(plugin or [])
    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "title": entry.title,
            "kind": kind_of(entry.dataset),
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


@data_app.command()
def describe(
    name: Annotated[str, typer.Argument(help="The dataset, as in blood-cells.")],
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is in one dataset; of images with boxes, also what could not be used of the annotations."""
    from benchmark.data.catalogue import catalogue
    from benchmark.data.kinds import kind_of
    from benchmark.data.source import Source

    load_plugins(plugin or [])
    entry = catalogue.find(name)
    source = Source.of(entry)
    absent = source.missing()
    if absent:
        raise DataError(absent)
    facts = {"kind": kind_of(entry.dataset), "licence": entry.licence, "source": entry.source}
    splits = _splits(source)
    if as_json:
        print_json({"name": name, "title": entry.title, **facts, "content": _content(source), "splits": splits})
        return
    out = console()
    out.print(entry.title)
    for word, fact in facts.items():
        out.print(f"{word}: {fact}")
    for split, found in splits.items():
        out.print(f"{split}: {found['images']} images, {found['empty']} of them without an object")
        for each, row in found["objects"].items():
            side = f", median side {row['median_side_px']:.0f} px" if row["count"] else ""
            out.print(f"  {each}: {row['count']}{side}")
        out.print(f"  ignored as difficult or crowds: {found['ignored']}")
        out.print(f"  left out, as they are empty or outside of their image: {found['dropped']}")


@data_app.command()
def fetch(name: Annotated[str, typer.Argument(help="The dataset, as in mnist.")], plugin: PluginOption = None) -> None:
    """Download a dataset into $HEPTATHLON_DATA. Nothing else in heptathlon downloads."""
    from benchmark.data.catalogue import Stored, catalogue
    from benchmark.data.source import Source

    load_plugins(plugin or [])
    entry = catalogue.find(name)
    source = Source.of(entry)
    if source.drawn or not isinstance(entry.dataset, Stored):
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


def _splits(source: Source) -> dict[str, dict[str, Any]]:
    """Of images with boxes that lie on disk: what each split holds."""
    from benchmark.data.boxes.files import BoxFiles
    from benchmark.data.images.listing import SPLITS

    dataset = source.entry.dataset
    if not isinstance(dataset, BoxFiles):
        return {}
    found = {split: dataset.annotated(split, root=source.root) for split in SPLITS}
    return {
        split: {
            "images": len(each.names),
            "empty": int((each.counts == 0).sum()),
            "objects": {
                name: {"count": count, "median_side_px": side if count else None} for name, count, side in each.tally()
            },
            "ignored": int(each.ignored.sum()),
            "dropped": int(each.dropped.sum()),
        }
        for split, each in found.items()
    }


def _content(source: Source) -> str | None:
    """Content hash of a dataset, or None if it is not here."""
    return None if source.missing() else source.fingerprint().partition(":")[2]
