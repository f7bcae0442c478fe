"""Figures of recall: what each attention learns, among how many pairs, along the way, and how fast it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from benchmark.results.ranking import Row
from benchmark.results.stats import Summary
from reports.drawing.canvas import INK, MUTED, SMALL, WIDE, Figure, Subject, bare, finish, log_scale, new, space, titled
from reports.drawing.lines import draw_lines, means, name_ends, named
from reports.drawing.scatter import Point, scatter
from reports.tables import formatting, frames, rates

TITLES = {
    "recall": "recall: a value, given its key",
    "pixels": "pixels: an image, row by row",
}
"""What exercises are about, by their names; one that is not here has its name alone."""
LADDER = "ladder"
RATE = "training tokens/s"
GUESS = 10.0
"""Accuracy in % of a guess among ten classes."""
_GUESS_STYLE: dict[str, Any] = {"color": MUTED, "linewidth": 1.0, "linestyle": (0, (1, 2))}


def accuracy_by_exercise(subject: Subject) -> Figure | None:
    """Draw a panel per exercise, with a mark per method in the order of the table: accuracy (%) with its interval."""
    exercises = subject.names("exercise")
    rows = [row for row in subject.table.rows if _found(row, exercises)]
    if not rows:
        return None
    drawing = new(WIDE, 1.0 + 0.26 * len(rows))
    panels = drawing.subplots(1, len(exercises), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, exercises, strict=True):
        for place, row in enumerate(rows):
            if (value := _found(row, exercises).get(name)) is not None:
                _mark(axes, value, place, row, subject)
        axes.axvline(GUESS, **_GUESS_STYLE)
        axes.set_xlim(0, 104)
        titled(axes, TITLES.get(name, name))
        axes.set_xlabel("accuracy (%)")
        bare(axes, "left", "bottom")
    panels[0].set_yticks(range(len(rows)), [named(row) for row in rows], color=INK, fontsize=9)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    for text, row in zip(panels[0].get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if row.rank == 1 else "normal")
    space(drawing, wide=0.06)
    return finish(
        drawing,
        subject,
        "accuracy-by-exercise",
        caption=f"Accuracy of the same small Transformer with each attention, {subject.seeds}; whiskers are 95 % "
        "intervals of the mean over seeds, the dotted line is a guess among ten classes.",
        alt=f"Dot chart of accuracy on {formatting.track(subject.table.track)}: "
        + "; ".join(
            f"{row.method} " + ", ".join(f"{value.mean:.1f} % {name}" for name, value in _found(row, exercises).items())
            for row in rows
        ),
    )


def accuracy_by_pairs(subject: Subject) -> Figure | None:
    """Draw a line per method: accuracy (%) by the number of pairs among which one is asked for."""
    lines = means(subject, frames.curve(subject.table, LADDER, ("pairs", "accuracy")), "pairs", "accuracy")
    if not lines:
        return None
    drawing = new(WIDE, max(3.2, 1.0 + 0.17 * len(lines)))
    axes = drawing.add_subplot()
    places = sorted({place for line in lines for place in line.values})
    labels = draw_lines(axes, lines, subject, places)
    axes.axhline(GUESS, **_GUESS_STYLE)
    axes.set_ylim(0, 104)
    axes.set_xlabel("pairs of a key and a value")
    axes.set_ylabel("accuracy (%)")
    name_ends(subject, [(axes, labels, lines)])
    told = "; ".join(
        f"{line.row.method} " + ", ".join(f"{value.mean:.1f} % of {place:g}" for place, value in line.values.items())
        for line in lines
    )
    return finish(
        drawing,
        subject,
        "accuracy-by-pairs",
        caption="How often the value of a key is found, by the number of pairs before the question, by one network, "
        f"mean over {subject.seeds}, with 95 % intervals; marks are moved aside a little. Dotted: a guess.",
        alt=f"Line chart of accuracy by number of pairs on {formatting.track(subject.table.track)}: {told}",
    )


def accuracy_over_training(subject: Subject) -> Figure | None:
    """Draw a panel per exercise, with a line per method: accuracy (%) by step."""
    found = {}
    for name in subject.names("exercise"):
        if lines := means(subject, frames.curve(subject.table, name, ("step", "accuracy")), "step", "accuracy"):
            found[TITLES.get(name, name)] = lines
    if not found:
        return None
    drawing = new(WIDE, max(3.2, 1.0 + 0.17 * max(map(len, found.values()))))
    ends = []
    for axes, (title, lines) in zip(drawing.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        places = sorted({place for line in lines for place in line.values})
        labels = draw_lines(axes, lines, subject, places)
        axes.axhline(GUESS, **_GUESS_STYLE)
        highest = max(value.mean + (value.half_width or 0.0) for line in lines for value in line.values.values())
        axes.set_ylim(0, 1.04 * min(100.0, max(highest, 2 * GUESS)))
        titled(axes, title)
        axes.set_xlabel("training step")
        ends.append((axes, labels, lines))
    ends[0][0].set_ylabel("accuracy (%)")
    space(drawing, wide=0.03)
    name_ends(subject, ends)
    return finish(
        drawing,
        subject,
        "accuracy-over-training",
        caption=f"Accuracy while it is trained, mean over {subject.seeds}, with 95 % intervals, the last one on more "
        "sequences than those before; marks are moved aside a little, and panels differ in scale. Where lines still "
        "rise, more steps would raise them. Dotted: a guess.",
        alt=f"Line charts of accuracy by training step on {formatting.track(subject.table.track)}: "
        + "; ".join(title for title in found),
    )


def accuracy_against_speed(subject: Subject) -> Figure | None:
    """Draw accuracy (%) against training tokens/s, with intervals of both over seeds."""
    points = []
    for row in subject.table.rows:
        speed, value = rates.summaries(row).get(RATE), row.metrics.get("accuracy")
        if speed is None or value is None or not _found(row, subject.names("exercise")) or not speed.mean > 0:
            continue
        half = speed.half_width if speed.half_width is None else min(speed.half_width, 0.7 * speed.mean)
        points.append(
            Point(row.method, row.role, speed.mean, value.mean, half, value.half_width, emphasis=row.rank == 1)
        )
    if not points:
        return None
    drawing = new(*SMALL)
    axes = drawing.add_subplot()
    log_scale(axes, "{:,.0f}")
    axes.set_xlabel("training tokens/s (log scale), higher is faster")
    axes.set_ylabel("accuracy (%), mean over exercises")
    axes.axhline(GUESS, **_GUESS_STYLE)
    scatter(axes, points, subject)
    told = "; ".join(f"{point.method} {point.y:.1f} % at {point.x:,.0f} tokens/s" for point in points)
    return finish(
        drawing,
        subject,
        "accuracy-against-speed",
        caption=f"Accuracy, mean over the exercises, against tokens per second in training, {subject.seeds}; bars are "
        "95 % intervals. Jobs share the machine, so that speeds vary; at these lengths the rest of the network takes "
        "much of the time: what attention itself costs, the timing tracks say. Dotted: a guess.",
        alt=f"Scatter plot of accuracy against training speed on {formatting.track(subject.table.track)}: {told}",
    )


def _found(row: Row, exercises: Sequence[str]) -> Mapping[str, Summary]:
    """A row's accuracies by exercise."""
    return {name: row.metrics[f"{name}_accuracy"] for name in exercises if f"{name}_accuracy" in row.metrics}


def _mark(axes: Axes, value: Summary, place: int, row: Row, subject: Subject) -> None:
    """A method's accuracy at a place of the y axis, and its number."""
    mark = subject.mark(row.method, reference=row.role == "reference", size=6.5)
    axes.errorbar(value.mean, place, xerr=value.half_width, **mark)


FIGURES = (accuracy_by_pairs, accuracy_by_exercise, accuracy_over_training, accuracy_against_speed)
