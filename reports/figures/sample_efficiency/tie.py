"""What the dimension means for learning: samples until 90 % accuracy, and the estimated dimension beneath."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from benchmark.results.stats import Summary, summarise
from reports.drawing.canvas import INK, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.lines import draw_lines, means, name_ends
from reports.tables import formatting, frames

VARIED = ("latent", "ambient", "noise")
"""What may be varied, each a column of the curve."""
_AT_LEAST = 1


def samples_against_dimension(subject: Subject) -> Figure | None:
    """Draw a column per quantity that is varied: samples needed above, estimated dimensions of the same data below."""
    columns = ("varied", "latent", "ambient", "noise", "samples", "bound", "estimate")
    runs = frames.curve(subject.table, "tie", columns)
    varied = [name for name in subject.names("varied") if name in VARIED]
    if runs.is_empty() or not varied:
        return None
    drawing = new(WIDE, 5.2)
    grid = drawing.subplots(2, len(varied), sharey="row", squeeze=False)
    ends, told = [], []
    for column, name in enumerate(varied):
        own = runs.filter(pl.col("varied") == subject.names("varied").index(name))
        places = sorted(own[name].unique().to_list())
        spots = {place: float(index) for index, place in enumerate(places)}
        needed = _needed(own, name)
        _draw_needed(grid[0][column], needed, spots)
        told.append(
            f"{name}: " + ", ".join(f"{place:g} {np.exp(value.mean):.0f}" for place, (value, _) in needed.items())
        )
        placed = own.with_columns(pl.col(name).replace_strict(spots).alias("spot"))
        lines = means(subject, placed, "spot", "estimate")
        lines = [line for line in lines if line.row.method != "pca"] or lines
        labels = draw_lines(grid[1][column], lines, subject, list(spots.values()))
        for axes in grid[:, column]:
            axes.set_xticks(list(spots.values()), [f"{place:g}" for place in places])
            axes.set_xlim(-0.4, len(places) - 0.6)
        grid[1][column].set_xlabel(_label(own, name))
        titled(grid[0][column], f"varied: {name}")
        ends.append((grid[1][column], labels, lines))
    grid[0][0].set_yscale("log")
    grid[0][0].yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    grid[0][0].set_ylabel("samples N90 (log scale)")
    grid[1][0].set_ylabel("estimated dimension")
    grid[1][0].set_ylim(bottom=0)
    space(drawing, wide=0.03, high=0.04)
    name_ends(subject, ends[-1:])
    return finish(
        drawing,
        subject,
        "samples-against-dimension",
        caption="Above: samples until 90 % accuracy at telling images of two random decoders apart, geometric mean "
        f"over {subject.seeds} with 95 % intervals; hollow triangles are bounds. Below: the dimension of the same "
        "images as each method estimates it (pca left out). If the dimension is what counts, the outer columns rise "
        "and the middle one, the same images in more pixels, stays level.",
        alt=f"Samples needed on {formatting.track(subject.table.track)}. {'. '.join(told)}",
    )


def _needed(runs: pl.DataFrame, x: str) -> dict[float, tuple[Summary, bool]]:
    """By x: the mean over seeds of the logarithm of the samples, and whether some are a bound from below.

    What is needed is the harness's, the same in the records of all methods of a seed.
    """
    once = runs.unique(["seed", x], keep="first", maintain_order=True).sort(x, "seed")
    return {
        float(str(place)): (
            summarise(np.log(cells["samples"].to_numpy()).tolist()),
            _AT_LEAST in cells["bound"].to_list(),
        )
        for (place,), cells in once.group_by(x, maintain_order=True)
    }


def _draw_needed(axes: Axes, needed: dict[float, tuple[Summary, bool]], spots: dict[float, float]) -> None:
    x = [spots[place] for place in needed]
    middle = [float(np.exp(value.mean)) for value, _ in needed.values()]
    axes.plot(x, middle, color=INK, linewidth=1.4)
    for at, centre, (value, bound) in zip(x, middle, needed.values(), strict=True):
        half = value.half_width or 0.0
        whiskers = [[centre - centre * float(np.exp(-half))], [centre * float(np.exp(half)) - centre]]
        look: dict[str, Any] = {"marker": "^", "markerfacecolor": "white"} if bound else {"marker": "o"}
        axes.errorbar(at, centre, yerr=whiskers, color=INK, markersize=5.5, elinewidth=1.1, **look)


def _label(runs: pl.DataFrame, name: str) -> str:
    """What the axis is called, with what is not varied."""
    latent, ambient = (f"{runs[column][0]:g}" for column in ("latent", "ambient"))
    return {
        "latent": f"latent dimension, in {ambient} pixels",
        "ambient": f"pixels, of {latent} latent dimensions",
        "noise": f"pixels of noise, of {ambient} with {latent} latent dimensions",
    }[name]
