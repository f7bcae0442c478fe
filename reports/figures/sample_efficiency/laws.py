"""Samples until 90 % accuracy by dimension, and the power laws that they follow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from benchmark.results.ranking import Row
from benchmark.results.stats import Summary, summarise
from reports.drawing.canvas import INK, MUTED, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.dots import banded, mark
from reports.drawing.labels import Label
from reports.drawing.lines import Line, hue, name_ends, named
from reports.tables import formatting, frames

TITLES = {
    "halves": "halves: which has more energy",
    "signs": "signs: of the one entry",
    "pairs": "pairs: neighbours or not",
    "canvases": "canvases: which character",
    "energies": "energies: red or green",
}
"""What settings are about, by their names; one that is not here has its name alone."""
AT_LEAST, AT_MOST = 1, -1
"""In the curve of samples: the largest size, which was not enough; the smallest, which was."""


@dataclass(frozen=True, slots=True)
class Law:
    """A method's samples N90 in one setting, by dimension: log of their geometric mean over seeds with its interval.

    never, at_once: dimensions at which some seed did not reach 90 %, or did with the smallest size, so that its value
    there is a bound;  exponent: of the law
    """

    row: Row
    logs: Mapping[float, Summary]
    never: frozenset[float]
    at_once: frozenset[float]
    exponent: Summary


def samples_by_dimension(subject: Subject) -> Figure | None:
    """Draw N90 against the input dimension, log-log, a panel per setting, with the power law that fits each method."""
    settings = _laws(subject)
    if not settings:
        return None
    columns = min(2, len(settings))
    rows = math.ceil(len(settings) / columns)
    most = max(map(len, settings.values()))
    drawing = new(WIDE, 0.3 + rows * max(2.8, 0.8 + 0.19 * most))
    grid = drawing.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axes in grid[len(settings) :]:
        axes.remove()
    ends = []
    for number, (axes, (name, laws)) in enumerate(zip(grid, settings.items(), strict=False)):
        labels = _draw_laws(axes, laws, subject, reference=number == 0)
        titled(axes, TITLES.get(name, name))
        axes.set_xlabel("input dimension d (log scale)")
        ends.append((axes, labels, [Line(law.row, {}) for law in laws]))
        if number % columns == 0:
            axes.set_ylabel("samples N90 (log scale), fewer is better")
    space(drawing, wide=0.04, high=0.06)
    name_ends(subject, ends)
    return finish(
        drawing,
        subject,
        "samples-by-dimension",
        caption=f"Samples until 90 % test accuracy against the input dimension, geometric mean over {subject.seeds}; "
        "whiskers are 95 % intervals over seeds. Lines are the power laws that fit, their exponents with 95 % "
        "intervals at the right. Hollow triangles are bounds: upwards, in some seed the largest size tried did not do, "
        "and so an exponent after ≥ is one from below; downwards, the smallest did. Dotted: d(d + 1)/2, the number of "
        "coefficients of a quadratic form.",
        alt=f"Samples by dimension on {formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{TITLES.get(name, name)}: " + "; ".join(f"{named(law.row)} d^{_exponent(law)}" for law in laws)
            for name, laws in settings.items()
        ),
    )


def _laws(subject: Subject) -> dict[str, list[Law]]:
    """By setting, of the methods that have one, in the order of the table."""
    runs = frames.curve(subject.table, "samples", ("setting", "dimension", "samples", "bound"))
    slopes = frames.curve(subject.table, "laws", ("setting", "exponent"))
    found: dict[str, list[Law]] = {}
    for place, name in enumerate(subject.names("setting")):
        for row in subject.table.rows:
            of_row = (pl.col("method") == row.method) & (pl.col("setting") == place)
            own = runs.filter(of_row).sort("dimension", "seed")
            if not own.is_empty():
                found.setdefault(name, []).append(_law(row, own, slopes.filter(of_row)["exponent"].to_list()))
    return found


def _law(row: Row, runs: pl.DataFrame, exponents: list[float]) -> Law:
    logs: dict[float, Summary] = {}
    bounds: dict[int, set[float]] = {AT_LEAST: set(), AT_MOST: set()}
    for (dimension,), cells in runs.group_by("dimension", maintain_order=True):
        d = float(str(dimension))
        logs[d] = summarise(np.log(cells["samples"].to_numpy()).tolist())
        for bound in bounds.keys() & set(cells["bound"].to_list()):
            bounds[bound].add(d)
    return Law(row, logs, frozenset(bounds[AT_LEAST]), frozenset(bounds[AT_MOST]), summarise(exponents))


def _draw_laws(axes: Axes, laws: Sequence[Law], subject: Subject, *, reference: bool) -> list[Label]:
    axes.set_xscale("log")
    axes.set_yscale("log")
    dimensions = sorted({d for law in laws for d in law.logs})
    labels = []
    for law in laws:
        x = np.asarray(list(law.logs))
        middle = np.exp([value.mean for value in law.logs.values()])
        low, high = (
            np.exp([value.mean + sign * (value.half_width or 0.0) for value in law.logs.values()]) for sign in (-1, 1)
        )
        colour = hue(law.row, subject)
        centre = np.log(x).mean()
        level = float(np.mean([value.mean for value in law.logs.values()]))
        fitted = np.exp(level + law.exponent.mean * (np.log(x) - centre))
        axes.plot(x, fitted, color=colour, linewidth=1.4, zorder=2)
        style = subject.mark(law.row.method, reference=law.row.role == "reference", size=5.5)
        whiskers = [np.minimum(middle - low, 0.9 * middle), np.minimum(high - middle, 9 * middle)]
        for index, d in enumerate(x):
            hollow = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 1.2}
            marker = "^" if d in law.never else "v" if d in law.at_once else None
            look = style | (hollow | {"marker": marker} if marker else {})
            axes.errorbar(d, middle[index], yerr=[[each[index]] for each in whiskers], **look)
        text = f"{named(law.row)}  {_exponent(law)}"
        labels.append(Label(text, float(x[-1]), float(fitted[-1]), bold=law.row.rank == 1))
    if reference:
        d = np.asarray(dimensions)
        axes.plot(d, d * (d + 1) / 2, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    axes.xaxis.set_major_locator(FixedLocator(dimensions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(dimensions, [f"{d:g}" for d in dimensions])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return labels


def _exponent(law: Law) -> str:
    half = "" if law.exponent.half_width is None else f" ± {law.exponent.half_width:.1f}"
    value = f"{law.exponent.mean:.1f}".replace("-0.0", "0.0").replace("-", "−")
    return f"≥ {value}" if law.never else f"{value}{half}"


def exponents(subject: Subject) -> Figure | None:
    """Draw the exponents of all settings: a panel for each, a row per method, lines where samples grow as 1, d, d^2."""
    settings = _laws(subject)
    rows = [
        row
        for row in subject.table.rows
        if any(law.row.method == row.method for laws in settings.values() for law in laws)
    ]
    if not rows:
        return None
    drawing = new(WIDE, 0.9 + 0.3 * len(rows))
    panels = drawing.subplots(1, len(settings), sharey=True, squeeze=False)[0]
    banded(panels, rows)
    for axes, (name, laws) in zip(panels, settings.items(), strict=True):
        values = {law.row.method: law for law in laws}
        for place, row in enumerate(rows):
            if (law := values.get(row.method)) is None:
                continue
            if law.never:
                axes.plot(law.exponent.mean, place, ">", color=hue(row, subject), markerfacecolor="white", markersize=6)
            else:
                mark(axes, law.exponent, place, subject.styles[row.method].marker, hue(row, subject))
        for power in (0, 1, 2):
            axes.axvline(power, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        ends = [law.exponent.mean + sign * (law.exponent.half_width or 0.0) for law in laws for sign in (-1, 1)]
        axes.set_xlim(min(-0.5, *ends) - 0.1, max(2.5, *ends) + 0.1)
        titled(axes, TITLES.get(name, name).partition(":")[0])
    drawing.supxlabel("exponent of N90 in the input dimension, lower is better", fontsize=9, color=INK)
    space(drawing, wide=0.03)
    return finish(
        drawing,
        subject,
        "exponents",
        caption=f"Exponents of the laws, mean over {subject.seeds} with 95 % intervals; dotted where the samples stay "
        "the same (0), grow like the dimension (1), and like its square (2). Hollow triangles: bounds from below, as "
        "90 % were not reached everywhere.",
        alt=f"Exponents on {formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{name}: " + "; ".join(f"{named(law.row)} {_exponent(law)}" for law in laws)
            for name, laws in settings.items()
        ),
    )
