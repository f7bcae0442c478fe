"""Figures of `distribution_shift.spurious`: accuracy under other colours."""

from __future__ import annotations

from matplotlib.patches import Patch

from benchmark.results.ranking import Row
from benchmark.results.stats import Summary
from reports.drawing.canvas import INK, MUTED, SMALL, Figure, Subject, bare, finish, new
from reports.drawing.lines import named
from reports.tables import formatting

COLOURS = {"in_distribution": "#B3C7DB", "new_colours": "#6C9AC8", "swapped_colours": "#1D4E89"}
"""One fixed colour per test set of `spurious`, the darker the farther from training; no method has them."""


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


def _tests(row: Row) -> dict[str, Summary]:
    return {name: row.metrics[name] for name in COLOURS if name in row.metrics}


FIGURES = (accuracy_per_test,)
