"""`heptathlon padding`: where a network applies its padding unevenly, and what its borders do to it."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.app import JsonOption, app
from benchmark.cli.console import console, print_json
from benchmark.errors import UsageError

if TYPE_CHECKING:
    from benchmark.tasks.small_objects.borders.findings import Findings

PICTURES = (".png", ".pdf", ".svg")


@app.command()
def padding(
    model: Annotated[
        str,
        typer.Argument(
            help="A model of torchvision, as in resnet18 (nothing is downloaded), or path/to/file.py:name of your own: "
            "an nn.Module, or a class or function that makes one. Your file runs in this process, as you ask for it."
        ),
    ],
    size: Annotated[str, typer.Option(help="Of the images, as in 224, or 480x640 for height and width.")] = "224",
    fill: Annotated[
        str | None,
        typer.Option(
            help="Look at it with this padding instead of its own: zero, replicate, reflect, symmetric, circular, "
            "partial, distribution or none."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Draw the maps to this file: .png, .pdf or .svg.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a network's padding counts less on one side, which sizes mend it, and what its borders do to it."""
    pixels = _pixels(size)
    if out is not None and out.suffix.lower() not in PICTURES:
        raise UsageError(f"cannot draw {out}; name a file that ends in {', '.join(PICTURES)}")
    from benchmark.tasks.small_objects.borders.findings import look
    from benchmark.tasks.small_objects.borders.networks import find_network

    found = look(find_network(model), pixels, fill=fill)
    if out is not None:
        _draw(found, out, model, fill)
    if as_json:
        print_json({"model": model, "fill": fill, **_data(found), "picture": None if out is None else str(out)})
    else:
        _show(found, model, out)


def _pixels(size: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", size)
    if match is None:
        raise UsageError(f"--size {size} is no size; write 224, or 480x640 for height and width")
    return int(match[1]), int(match[2] or match[1])


def _show(found: Findings, model: str, out: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    screen, (height, width) = console(), found.size
    if found.uneven:
        table = Table(
            "layer", "kind", "kernel", "stride", "padding", "map", "unread rows", "unread columns",
            box=None, padding=(0, 2, 0, 0),
        )  # fmt: skip
        for each in found.uneven:
            left, right, top, bottom = each.sides
            sides = f"{top}x{left}" if (left, top) == (right, bottom) else f"{top}+{bottom} x {left}+{right}"
            pairs = ("x".join(map(str, pair)) for pair in (each.kernel, each.stride))
            table.add_row(
                escape(each.name), each.kind, *pairs, sides, "x".join(map(str, each.size)), *map(str, each.unread)
            )
        screen.print(table)
    share = f"{len(found.uneven)} of {len(found.padded)} padded layers"
    uneven = (
        f"[bold]{share}[/] apply their padding unevenly"
        if found.uneven
        else "none: padding is applied evenly everywhere"
    )
    screen.print(f"{escape(model)} at {height}x{width}: {uneven}")
    screen.print(f"even sizes: {_sizes(found)}")
    if found.responses:
        worst, last = max(found.responses, key=lambda each: each.artefact), found.responses[-1]
        screen.print(
            f"artefact on a constant image: {worst.artefact:.3g} at most ({escape(worst.name)}), "
            f"{last.artefact:.3g} in the end ({escape(last.name)})"
        )
    if found.edges is not None:
        listed = ", ".join(f"{side} {share:.2f}" for side, share in asdict(found.edges).items())
        screen.print(f"paths from the outermost sixteenth, in parts of the middle's: {listed}")
    for note in found.notes:
        screen.print(f"note: {escape(note)}", style="yellow")
    if out is not None:
        screen.print(f"picture: {escape(str(out))}")


def _sizes(found: Findings) -> str:
    heights, widths = (", ".join(map(str, each)) or "none near" for each in (found.heights, found.widths))
    return heights if heights == widths else f"height {heights}; width {widths}"


def _data(found: Findings) -> dict[str, Any]:
    """For a program: finite numbers alone, as JSON has no others."""
    layers = [{**asdict(each), "uneven": each.uneven} for each in found.layers]
    return {
        "size": found.size,
        "even": not found.uneven,
        "layers": layers,
        "even_sizes": {"heights": found.heights, "widths": found.widths},
        "artefacts": {
            each.name: each.artefact if math.isfinite(each.artefact) else None for each in found.responses
        },
        "foveation": None if found.edges is None else asdict(found.edges),
        "notes": found.notes,
    }  # fmt: skip


def _draw(found: Findings, out: Path, model: str, fill: str | None) -> None:
    from reports.drawing import borders

    height, width = found.size
    title = f"{Path(model).name} at {height}×{width}{f', {fill} padding' if fill else ''}"
    maps = [borders.Answer(each.name, each.map.numpy(), each.artefact) for each in found.responses]
    paths = None if found.paths is None else found.paths.numpy()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        borders.save(out, title, paths, maps)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error}); name another file with --out") from error
