"""Figures of the few-shot task: accuracy over shots, and what each method gains over the baseline, episode by episode.

The pictures of features are in `reports.figures.few_shot.features`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from benchmark.results.pairing import apart, paired_by_unit, raw_of
from benchmark.results.ranking import Row
from benchmark.results.stats import Summary
from reports.drawing.canvas import SMALL, Draw, Figure, Subject, finish, new
from reports.drawing.differences import KEY, forest
from reports.drawing.labels import Label, list_right
from reports.drawing.lines import hue, means, named
from reports.tables import formatting, frames

_DODGE = 0.16  # of the distance between two numbers of shots, for all methods together


@dataclass(frozen=True, slots=True)
class Curve:
    """A method's accuracy in % by number of shots; over_episodes: whether a single seed lends its own intervals."""

    row: Row
    values: Mapping[float, Summary]
    over_episodes: bool


def accuracy_over_shots(subject: Subject) -> Figure | None:
    """Draw one line per method with a result: accuracy (%) by shots, with intervals over seeds."""
    curves = _curves(subject)
    if not curves:
        return None
    shots = sorted({number for curve in curves for number in curve.values})
    drawing = new(SMALL[0], max(SMALL[1], 1.0 + 0.17 * len(curves)))
    axes = drawing.add_subplot()
    labels = []
    for position, curve in enumerate(curves):
        reference = curve.row.role == "reference"
        aside = _DODGE * (position / (len(curves) - 1) - 0.5) if len(curves) > 1 else 0.0
        x = [shots.index(number) + aside for number in curve.values]
        y = [value.mean for value in curve.values.values()]
        halves = [value.half_width or 0.0 for value in curve.values.values()]
        axes.plot(
            x, y, color=hue(curve.row, subject), linewidth=1.4, linestyle=(0, (4, 2)) if reference else "-", zorder=2
        )
        axes.errorbar(x, y, yerr=halves, linestyle="none", **subject.mark(curve.row.method, reference=reference))
        labels.append(Label(named(curve.row), x[-1], y[-1], bold=curve.row.rank == 1))
    axes.set_xlim(-0.2, len(shots) - 0.8)
    axes.set_xticks(range(len(shots)), [f"{number:g}" for number in shots])
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("shots (labelled images per class)")
    axes.set_ylabel("accuracy (%), higher is better")
    list_right(axes, labels, len(shots) - 0.7, [subject.styles[curve.row.method].colour for curve in curves])
    return finish(
        drawing,
        subject,
        "accuracy-over-shots",
        caption=f"Mean accuracy over episodes by the number of shots, {subject.seeds}; bars are 95 % intervals "
        f"{_over(curves)}. Dashed lines with hollow grey marks are references. Marks are moved aside a little, so that "
        "they do not hide each other.",
        alt=f"Line chart of accuracy over shots on {formatting.track(subject.table.track)}: "
        + "; ".join(
            f"{curve.row.method} "
            + ", ".join(f"{value.mean:.1f} % at {number:g}" for number, value in curve.values.items())
            for curve in curves
        ),
    )


def difference_to(method: str) -> Draw:
    """Return a function that draws every method's difference to one, episode by episode, in percentage points of
    accuracy: a panel per number of shots."""

    def draw(subject: Subject) -> Figure | None:
        found = [row for row in subject.table.rows if row.method == method]
        if not found or not found[0].records:
            return None
        baseline, rows = found[0], [row for row in subject.table.rows if row.method != found[0].method]
        shots = sorted({number for curve in _curves(subject) for number in curve.values})
        panels = {
            number: {row.method: paired_by_unit(row, baseline, raw_of(f"accuracy_{number:g}_shot")) for row in rows}
            for number in shots
        }
        panels = {number: values for number, values in panels.items() if any(values.values())}
        shown = [row for row in rows if any(values[row.method] for values in panels.values())]
        if not shown:
            return None
        titles = {f"{number:g} shot{'' if number == 1 else 's'}": values for number, values in panels.items()}
        drawing = forest(subject, shown, titles, f"accuracy minus that of {baseline.method} (percentage points)")
        sure = [
            f"{row.method} {value.mean:+.1f} at {number:g}"
            for number, values in panels.items()
            for row in shown
            if (value := values[row.method]) is not None and apart(value)
        ]
        return finish(
            drawing,
            subject,
            "difference-to-baseline",
            caption=f"What every method gains (right) or loses (left) against {baseline.method} on the same episodes, "
            f"in percentage points of accuracy, {subject.seeds}. {_whiskers(shown, baseline)} {KEY}",
            alt=f"Differences of accuracy to {baseline.method} on {formatting.track(subject.table.track)}, by method "
            f"and shots. Intervals without zero: {'; '.join(sure) or 'none'}.",
        )

    return draw


def _curves(subject: Subject) -> list[Curve]:
    """The curve "shots" of every method that has one, in the order of the table, by rising number of shots."""
    runs = frames.curve(subject.table, "shots", ("shots", "accuracy", "half_width_95")).sort("shots", "seed")
    curves = []
    for line in means(subject, runs, "shots", "accuracy"):
        own, values = runs.filter(pl.col("method") == line.row.method), line.values
        alone = own["seed"].n_unique() == 1
        if alone:
            halves = dict(own.select("shots", "half_width_95").iter_rows())
            values = {number: Summary(1, value.mean, halves[number]) for number, value in values.items()}
        curves.append(Curve(line.row, values, alone))
    return curves


def _over(curves: Sequence[Curve]) -> str:
    """What the intervals of the curves are over, in words."""
    alone = sum(curve.over_episodes for curve in curves)
    if not alone:
        return "over seeds"
    return "over its episodes" if alone == len(curves) else "over seeds, or over the episodes of methods with one seed"


def _whiskers(rows: Sequence[Row], baseline: Row) -> str:
    common = [len(set(row.seeds) & set(baseline.seeds)) for row in rows]
    if max(common) == 1:
        return "Whiskers are 95 % intervals over the episodes of one seed."
    return "Whiskers are 95 % intervals over seeds, and never narrower than those over all their episodes."
