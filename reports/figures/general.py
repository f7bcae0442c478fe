"""Figures that every track gets: the primary metric with its interval, and what it costs in time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import polars as pl

from benchmark.results.stats import Summary
from reports.drawing.canvas import INK, MUTED, SMALL, Figure, Subject, bare, finish, log_scale, new
from reports.drawing.palette import REFERENCE
from reports.drawing.scatter import Point, scatter
from reports.tables import formatting


def primary(subject: Subject) -> Figure | None:
    """Draw one bar per method with a result, in the order of the table; references are hollow."""
    rows = _primary_rows(subject)
    if not rows:
        return None
    name, direction = _axis(rows)
    summaries = [Summary(row["n"], row["mean"], row["half_width_95"]) for row in rows]
    written = formatting.Format(summaries)
    drawing = new(*SMALL)
    drawing.set_figheight(0.7 + 0.34 * len(rows))
    axes = drawing.add_subplot()
    for position, (row, summary) in enumerate(zip(rows, summaries, strict=True)):
        reference = row["role"] == "reference"
        colour = REFERENCE if reference else subject.styles[row["method"]].colour
        axes.barh(position, summary.mean, height=0.62, color="white" if reference else colour, edgecolor=colour)
        if summary.half_width is not None:
            axes.errorbar(summary.mean, position, xerr=summary.half_width, color=INK, capsize=2.5, linewidth=1.1)
        axes.annotate(
            written.interval(summary),
            (max(summary.mean + (summary.half_width or 0.0), 0.0), position),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            fontweight="bold" if row["rank"] == 1 else "normal",
        )
    axes.set_yticks(range(len(rows)), [_named(row, subject) for row in rows], color=INK, fontsize=9)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    low = min(0.0, min(summary.mean - (summary.half_width or 0.0) for summary in summaries))
    high = max(0.0, max(summary.mean + (summary.half_width or 0.0) for summary in summaries))
    span = high - low or 1.0
    axes.set_xlim(low - 0.02 * span if low < 0 else 0.0, high + 0.42 * span)  # room for the numbers
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high + 0.1 * span])
    axes.set_xlabel(f"{name}, {direction}")
    bare(axes, "left", "bottom")
    return finish(
        drawing,
        subject,
        "primary",
        caption=f"{formatting.opening(name)} of every method with a result, {subject.seeds}; whiskers are 95 % "
        f"intervals of the mean over seeds. {direction.capitalize()}. In brackets: references (hollow), which bound "
        "the track, and unranked methods, with the seeds they finished.",
        alt=f"Bar chart of {name} on {formatting.track(subject.table.track)}: "
        + "; ".join(f"{row['method']} {written.interval(s)}" for row, s in zip(rows, summaries, strict=True)),
    )


def primary_against_seconds(subject: Subject) -> Figure | None:
    """Draw the primary metric against the seconds inside the method, with the Pareto front of the ranked methods."""
    rows = [row for row in _primary_rows(subject) if row["method_seconds_mean"] > 0]
    if not rows:
        return None
    name, direction = _axis(rows)
    ranked = [(row["method_seconds_mean"], row["mean"]) for row in rows if row["rank"] is not None]
    front = pareto(ranked, higher_is_better=rows[0]["higher_is_better"])
    points = [
        Point(
            row["method"],
            row["role"],
            row["method_seconds_mean"],
            row["mean"],
            y_half=row["half_width_95"],
            emphasis=row["rank"] is not None and (row["method_seconds_mean"], row["mean"]) in front,
        )
        for row in rows
    ]
    drawing = new(*SMALL)
    axes = drawing.add_subplot()
    log_scale(axes, "{:g}")
    axes.set_xlabel("seconds inside the method (log scale)")
    axes.set_ylabel(f"{name}, {direction}")
    steps = [corner for (x, y), (after, _) in itertools.pairwise(front) for corner in ((x, y), (after, y))] + front[-1:]
    axes.plot([x for x, _ in steps], [y for _, y in steps], color="#9AA5B1", linewidth=1.6, zorder=1)
    scatter(axes, points, subject, lines=steps)
    best = ", ".join(point.method for point in points if point.emphasis)
    return finish(
        drawing,
        subject,
        "primary-against-seconds",
        caption=f"{formatting.opening(name)} against mean wall seconds inside the method, {subject.seeds}; vertical "
        "bars are 95 % intervals. The grey line is the Pareto front: no ranked method is faster and better than those "
        "on it (bold). Hollow grey marks are references.",
        alt=f"Scatter plot of {name} against seconds on {formatting.track(subject.table.track)}. "
        f"On the Pareto front: {best}.",
    )


def pareto(points: Iterable[tuple[float, float]], *, higher_is_better: bool) -> list[tuple[float, float]]:
    """Return the (cost, quality) points that no other beats in both, by rising cost; of equals one is kept."""
    sign = 1.0 if higher_is_better else -1.0
    front: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not front or sign * quality > sign * front[-1][1]:
            front.append((cost, quality))
    return front


def _primary_rows(subject: Subject) -> list[dict[str, Any]]:
    return subject.frame.filter(pl.col("primary")).to_dicts()


def _named(row: dict[str, Any], subject: Subject) -> str:
    """The method's name, and in brackets why it has no rank."""
    if row["role"] == "reference":
        return f"{row['method']} (ref.)"
    return row["method"] if row["rank"] else f"{row['method']} ({row['n']} of {len(subject.table.seeds)})"


def _axis(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """The primary metric's name with unit, and its direction in words."""
    better = "higher" if rows[0]["higher_is_better"] else "lower"
    return formatting.label(rows[0]["metric"], rows[0]["unit"]), f"{better} is better"
