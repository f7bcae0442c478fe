"""`heptathlon dimension`: of how many dimensions a dataset is, and how far that number can be trusted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.app import JsonOption, Many, PluginOption, app
from benchmark.cli.console import console, load_plugins, print_json
from benchmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmark.tasks.sample_efficiency.intervals import Trusted
    from benchmark.tasks.sample_efficiency.intrinsic_dimension import Estimator

TRACK = "sample_efficiency.intrinsic_dimension"
METHODS = ("mle", "mle-released", "two-nn-trimmed")
PICTURES = (".png", ".pdf", ".svg")


@app.command()
def dimension(
    what: Annotated[
        str,
        typer.Argument(
            help="A dataset's name, as in mnist (its training images); or a folder or zip of images, in any nesting; "
            "or a .npy or .npz file with an array (n, ...)."
        ),
    ],
    k: Annotated[str, typer.Option("--k", help="Numbers of neighbours, each at least 3.")] = "3,5,10,20",
    points: Annotated[int | None, typer.Option(help="So many points at most, chosen by the seed.", min=1)] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="Bring a folder's images to this size, as in 32, or 32x48 for height and width; else the first's."
        ),
    ] = None,
    method: Annotated[
        Many | None, typer.Option("--method", help=f"A method of {TRACK}; repeatable. Default: {', '.join(METHODS)}.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Random halves that the intervals are made of.", min=2)] = 10,
    seed: Annotated[int, typer.Option(help="Of the choice of points, and of halves.")] = 0,
    plugin: PluginOption = None,
    out: Annotated[Path | None, typer.Option(help="Draw the estimates to this file: .png, .pdf or .svg.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate on how many coordinates the points of a dataset really depend, with 95 % intervals.

    Equal points are dropped. Methods run in this process, a plug-in's too, as you ask for it.
    """
    neighbours, pixels = _neighbours(k), _pixels(size)
    if out is not None and out.suffix.lower() not in PICTURES:
        raise UsageError(f"cannot draw {out}; name a file that ends in {', '.join(PICTURES)}")
    load_plugins([])
    _load_here(plugin or [])
    from benchmark.cli.display.bar import bar
    from benchmark.data.points import read_points
    from benchmark.tasks.sample_efficiency.intervals import examine
    from benchmark.tasks.sample_efficiency.neighbours import distinct

    makers = _makers(method or list(METHODS), neighbours, seed)
    read = read_points(what, count=points, size=pixels, seed=seed)
    cloud = distinct(read)
    with bar(f"{len(cloud)} points") as advance:
        found = examine(makers, cloud, neighbours, repeats=repeats, seed=seed, advance=advance)
    facts = {
        "what": what, "points": len(cloud), "duplicates": len(read) - len(cloud), "coordinates": cloud.shape[1],
        "neighbours": neighbours, "repeats": repeats, "seed": seed,
    }  # fmt: skip
    if out is not None:
        _draw(found, facts, out)
    if as_json:
        methods = {
            name: {"estimates": each.estimates, "half_widths": each.halves, "by_points": each.by_points}
            for name, each in found.items()
        }
        print_json({**facts, "methods": methods, "picture": None if out is None else str(out)})
    else:
        _show(found, facts, out)


def _neighbours(k: str) -> tuple[int, ...]:
    parts = k.split(",")
    if not all(re.fullmatch(r"\s*\d+\s*", part) for part in parts) or min(map(int, parts)) < 3:
        raise UsageError(f"--k {k} names no numbers of neighbours from 3; write 3,5,10,20")
    return tuple(sorted({int(part) for part in parts}))


def _pixels(size: str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", size)
    if match is None:
        raise UsageError(f"--size {size} is no size; write 32, or 32x48 for height and width")
    return int(match[1]), int(match[2] or match[1])


def _load_here(paths: list[Path]) -> None:
    """Load a user's plug-ins into this process; print what is broken, and go on."""
    from rich.markup import escape

    from benchmark.plugins import load_paths

    for problem in load_paths(paths):
        console(stderr=True).print(escape(str(problem)), style="red")


def _makers(names: list[str], neighbours: tuple[int, ...], seed: int) -> dict[str, Callable[[], Estimator]]:
    from benchmark.tasks import find_track

    track = find_track(TRACK)
    setup = track.setup(seed=seed, track=track.name, device_name="cpu", neighbours=neighbours)  # type: ignore[call-arg]

    def maker(name: str) -> Callable[[], Estimator]:
        entry = track.find(name)
        if name not in track.classes:
            raise UsageError(f"{name!r} is of an installed package, {entry.origin}; name its file with --plugin")
        return lambda: track.classes[name](setup)

    return {name: maker(name) for name in names}


def _show(found: dict[str, Trusted], facts: dict[str, Any], out: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    screen, neighbours = console(), facts["neighbours"]
    dropped = f", {facts['duplicates']:,} equal to another dropped" if facts["duplicates"] else ", no two equal"
    screen.print(
        f"{escape(facts['what'])}: {facts['points']:,} points of {facts['coordinates']:,} coordinates{dropped}"
    )
    table = Table("method", "points", *(f"k = {k}" for k in neighbours), box=None, padding=(0, 2, 0, 0))
    for name, each in found.items():
        for count, values in reversed(each.by_points.items()):
            whole = count == facts["points"]
            cells = [
                f"{value:.2f} ± {half:.2f}" if whole else f"{value:.2f}"
                for value, half in zip(values, each.halves, strict=True)
            ]
            table.add_row(escape(name) if whole else "", f"{count:,}", *cells, style=None if whole else "dim")
    screen.print(table)
    screen.print(
        f"±: 95 % intervals from {facts['repeats']} random halves (delete-half jackknife); they say nothing of bias. "
        "Estimates grow with the number of points: quote it with them."
    )
    if "mle-released" in found:
        screen.print(
            "mle-released divides by k - 2 where k - 1 is unbiased, which by itself makes its estimate grow with k: "
            f"it is {', '.join(f'{(k - 2) / (k - 1):.2f} at {k}' for k in neighbours)} of mle's"
        )
    if out is not None:
        screen.print(f"picture: {escape(str(out))}")


def _draw(found: dict[str, Trusted], facts: dict[str, Any], out: Path) -> None:
    from reports.drawing import dimension as drawing

    title = f"{Path(facts['what']).name}: {facts['points']:,} points of {facts['coordinates']:,} coordinates"
    curves = [
        drawing.Curve(name, each.estimates, each.halves, [(n, values[-1]) for n, values in each.by_points.items()])
        for name, each in found.items()
    ]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        drawing.save(out, title, facts["neighbours"], curves)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error}); name another file with --out") from error
