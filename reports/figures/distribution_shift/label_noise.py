"""Figures of training on wrong labels: accuracy over the share of them, and the loss around the weights found."""

from __future__ import annotations

import polars as pl

from reports.drawing.canvas import SMALL, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.labels import Label
from reports.drawing.lines import (
    LOSS_FLOOR,
    Line,
    bound_percent,
    draw_lines,
    hue,
    means,
    name_ends,
    named,
    scale_losses,
)
from reports.tables import formatting, frames

EMPHASISED = ("sgd", "sam")
"""Methods whose losses the paper of the track compares."""
LEVEL = 0.4
"""The noise level whose loss is drawn, or the nearest to it."""


def accuracy_over_noise(subject: Subject) -> Figure | None:
    """Draw accuracy (%) by noise level, one line per method: after the last epoch, and dashed at the best one."""
    runs = frames.curve(subject.table, "accuracy", ("noise", "epoch", "accuracy"))
    per_run = runs.group_by("method", "seed", (pl.col("noise") * 100).round(6)).agg(
        pl.col("accuracy").sort_by("epoch").last().alias("final"), pl.col("accuracy").max().alias("best")
    )
    final, best = (means(subject, per_run, "noise", column) for column in ("final", "best"))
    if not final:
        return None
    levels = sorted({level for line in final for level in line.values})
    drawing = new(WIDE, max(3.2, 1.0 + 0.17 * len(final)))
    panels = drawing.subplots(1, 2, sharey=True)
    bound_percent(panels[0], [*final, *best])
    ends = [
        (axes, draw_lines(axes, lines, subject, levels, dashed=lines is best), lines)
        for axes, lines in zip(panels, (final, best), strict=True)
    ]
    for axes, title in zip(panels, ("after the last epoch", "at the best epoch"), strict=True):
        titled(axes, title)
        axes.set_xlabel("wrong training labels (%)")
    panels[0].set_ylabel("accuracy (%), higher is better")
    space(drawing, wide=0.02)
    name_ends(subject, ends)
    return finish(
        drawing,
        subject,
        "accuracy-over-noise",
        caption=f"Accuracy on clean test images by the share of wrong training labels, {subject.seeds}: after the last "
        "epoch (left), and at the epoch with the best accuracy, which only the judge knows (right). What a line loses "
        "from right to left, the method unlearns by fitting wrong labels. Bars are 95 % intervals over seeds; hollow "
        "grey marks are references. Marks are moved aside a little, so that they do not hide each other.",
        alt=f"Line charts of accuracy over label noise on {formatting.track(subject.table.track)}: "
        + "; ".join(
            f"{one.row.method} "
            + ", ".join(
                f"{value.mean:.1f} % (best epoch {other.values[level].mean:.1f} %) at {level:g} % noise"
                for level, value in one.values.items()
            )
            for one, other in zip(final, best, strict=True)
        ),
    )


def loss_around(subject: Subject) -> Figure | None:
    """Draw the training loss (nats) along a random direction through the weights found, averaged over seeds."""
    runs = frames.curve(subject.table, "loss_line", ("noise", "distance", "loss"))
    if runs.is_empty():
        return None
    level = min(runs["noise"].unique(), key=lambda noise: (abs(noise - LEVEL), noise))
    lines = means(subject, runs.filter(pl.col("noise") == level), "distance", "loss")
    distances = sorted({distance for line in lines for distance in line.values})
    if len(distances) < 2:
        return None
    drawing = new(SMALL[0], max(SMALL[1], 1.0 + 0.17 * len(lines)))
    axes = drawing.add_subplot()
    scale_losses(axes, lines)
    ends = []
    for line in lines:
        thick = line.row.method in EMPHASISED
        x, y = list(line.values), [max(value.mean, LOSS_FLOOR) for value in line.values.values()]
        axes.plot(x, y, color=hue(line.row, subject), linewidth=2.6 if thick else 1.0, zorder=3 if thick else 2)
        ends.append(Label(named(line.row), x[-1], y[-1], bold=thick))
    axes.set_xlim(distances[0], distances[-1])
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("distance from the weights found")
    axes.set_ylabel("training loss (nats)")
    name_ends(subject, [(axes, ends, lines)])
    bold = [line.row.method for line in lines if line.row.method in EMPHASISED]
    return finish(
        drawing,
        subject,
        "loss-around",
        caption=f"Training loss along one random direction through the weights found with {100 * level:g} % of the "
        f"labels wrong, mean over {subject.seeds}: the flatter the line, the flatter the minimum."
        + (f" Bold: {' and '.join(bold)}." if bold else ""),
        alt=f"Line chart of training loss along a random direction on {formatting.track(subject.table.track)}, at the "
        "weights found and at the farthest: " + "; ".join(_profile(line) for line in lines),
    )


def _profile(line: Line) -> str:
    nearest = min(line.values, key=lambda distance: (abs(distance), distance))
    ends = max(value.mean for value in (line.values[min(line.values)], line.values[max(line.values)]))
    return f"{line.row.method} {line.values[nearest].mean:.3g} and {ends:.3g}"


FIGURES = (loss_around, accuracy_over_noise)
