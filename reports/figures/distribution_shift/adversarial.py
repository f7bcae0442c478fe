"""Figures of `distribution_shift.adversarial`: accuracy and loss under attack."""

from __future__ import annotations

import polars as pl

from reports.drawing.canvas import WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.lines import bound_percent, draw_lines, means, name_ends, scale_losses
from reports.tables import formatting, frames

ATTACKS = {0.0: "FGSM", 1.0: "PGD"}


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
    drawing = new(WIDE, 0.55 + len(kinds) * max(2.5, 0.5 + 0.17 * count))
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
            titled(axes, f"{words} under {name}")
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


FIGURES = (under_attack,)
