"""Figures of the distribution-shift task: accuracy under other colours, and under attack.

Those of wrong labels are in `reports.figures.distribution_shift_noise`.
"""

from __future__ import annotations

import polars as pl
from matplotlib.patches import Patch

from benchmark.ranking import Row
from benchmark.stats import Summary
from reports import formatting, frames
from reports.figures.canvas import INK, MUTED, SMALL, Figure, Subject, bare, finish, new, space
from reports.figures.lines import bound_percent, draw_lines, means, name_ends, named, scale_losses

COLOURS = {"in_distribution": "#B3C7DB", "new_colours": "#6C9AC8", "swapped_colours": "#1D4E89"}
"""One fixed colour per test set of `spurious`, the darker the farther from training; no method has them."""
ATTACKS = {0.0: "FGSM", 1.0: "PGD"}

_WIDE = 11.2  # inches; the page has room for 11.9


def accuracy_per_test(subject: Subject) -> Figure | None:
    """Draw a group of bars per method, in the order of the table: accuracy (%) on each test set of `spurious`."""
    rows = [row for row in subject.table.rows if any(name in row.metrics for name in COLOURS)]
    if not rows:
        return None
    drawing = new(SMALL[0], 1.05 + 0.38 * len(rows))
    axes = drawing.add_subplot()
    height = 0.27
    for position, row in enumerate(rows):
        for place, (name, colour) in enumerate(COLOURS.items()):
            if (value := row.metrics.get(name)) is None:
                continue
            y = position + height * (place - 1)
            face = "white" if row.role == "reference" else colour
            axes.barh(y, value.mean, height=0.85 * height, color=face, edgecolor=colour, linewidth=1.0)
            if value.half_width is not None:
                axes.errorbar(value.mean, y, xerr=value.half_width, color=INK, elinewidth=0.9, capsize=1.5)
    axes.set_yticks(range(len(rows)), [named(row) for row in rows], color=INK, fontsize=9)
    for text, row in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if row.rank == 1 else "normal")
    axes.set_ylim(len(rows) - 0.45, -0.55)
    high = max(value.mean + (value.half_width or 0.0) for row in rows for value in _tests(row).values())
    axes.set_xlim(0, 1.02 * min(max(high, 1.0), 100.0))
    axes.set_xlabel("accuracy (%), higher is better")
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    bare(axes, "left", "bottom")
    drawing.legend(
        [Patch(facecolor=colour) for colour in COLOURS.values()],
        [name.replace("_", " ") for name in COLOURS],
        loc="outside upper right",
        ncols=len(COLOURS),
        frameon=False,
        fontsize=8.5,
        handlelength=1.0,
        handletextpad=0.5,
        columnspacing=1.3,
    )
    return finish(
        drawing,
        subject,
        "accuracy-per-test",
        caption=f"Accuracy in the colours of training, in colours never seen, and where each shape has another class's "
        f"colour, {subject.seeds}; whiskers are 95 % intervals of the mean over seeds. The shorter the dark bar "
        "against the light one, the more a method goes by colour. Hollow: references, which are told the groups.",
        alt=f"Grouped bar chart of accuracy on {formatting.track(subject.table.track)}: "
        + "; ".join(
            f"{row.method} "
            + ", ".join(f"{value.mean:.1f} % {name.replace('_', ' ')}" for name, value in _tests(row).items())
            for row in rows
        ),
    )


def under_attack(subject: Subject) -> Figure | None:
    """Draw accuracy (%) and loss (nats) against the radius: a row of panels per attack, one line per method."""
    runs = frames.curve(subject.table, "attacks", ("pgd", "radius", "accuracy", "loss"))
    kinds = {
        name: part for kind, name in ATTACKS.items() if not (part := runs.filter(pl.col("pgd") == kind)).is_empty()
    }
    if not kinds:
        return None
    lines = {
        (name, column): means(subject, part, "radius", column)
        for name, part in kinds.items()
        for column in ("accuracy", "loss")
    }
    radii = sorted({radius for found in lines.values() for line in found for radius in line.values})
    count = max(len(found) for found in lines.values())
    drawing = new(_WIDE, 0.55 + len(kinds) * max(2.5, 0.5 + 0.17 * count))
    grid = drawing.subplots(len(kinds), 2, squeeze=False, sharex=True, sharey="col")
    scale_losses(grid[0][1], [line for name in kinds for line in lines[name, "loss"]])
    bound_percent(grid[0][0], [line for name in kinds for line in lines[name, "accuracy"]])
    ends = []
    for panels, name in zip(grid, kinds, strict=True):
        for axes, column in zip(panels, ("accuracy", "loss"), strict=True):
            ends.append((axes, draw_lines(axes, lines[name, column], subject, radii), lines[name, column]))
        panels[0].set_ylabel("accuracy (%), higher is better")
        panels[1].set_ylabel("loss (nats), lower is better")
        for axes, words in zip(panels, ("accuracy", "loss"), strict=True):
            axes.set_title(f"{words} under {name}", fontsize=9.5, fontweight="bold", color=INK, loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("radius of the attack (largest change of a pixel in [0, 1])")
    space(drawing, wide=0.02, high=0.05)
    name_ends(subject, ends)
    return finish(
        drawing,
        subject,
        "under-attack",
        caption=f"Accuracy and mean loss on test images moved against each method's own network, by the radius of the "
        f"attack, {subject.seeds}; bars are 95 % intervals over seeds. Radius 0 is clean images; an image counts with "
        "the larger of its losses before and after. PGD may be tried on fewer images than FGSM. Hollow grey marks are "
        "references. Marks are moved aside a little, so that they do not hide each other.",
        alt=f"Line charts of accuracy and loss against the attack's radius on "
        f"{formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{formatting.opening(column)} under {name}: "
            + "; ".join(
                f"{line.row.method} "
                + ", ".join(f"{value.mean:.{places}f} at {radius:g}" for radius, value in line.values.items())
                for line in lines[name, column]
            )
            for name in kinds
            for column, places in (("accuracy", 1), ("loss", 2))
        ),
    )


def _tests(row: Row) -> dict[str, Summary]:
    return {name: row.metrics[name] for name in COLOURS if name in row.metrics}
