"""Figures of adaptation to corrupted streams: where errors are, how they go over a stream, settings and cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from benchmark.results.pairing import paired
from benchmark.results.ranking import Row
from benchmark.results.stats import Summary
from reports.drawing.canvas import INK, MUTED, WIDE, Figure, Subject, bare, finish, new, space, titled
from reports.drawing.differences import KEY, forest
from reports.drawing.labels import Label
from reports.drawing.lines import Line, hue, means, name_ends, named
from reports.drawing.sheet import sheet
from reports.tables import formatting, frames, rates

SETTINGS = {
    "error_severity_5": ("long stream", "o", "#1D4E89"),
    "error_short": ("short stream", "|", "#1D4E89"),
    "error_continual": ("no reset", "D", "#B8860B"),
    "error_small_batches": ("small batches", "^", "#7A3E9D"),
    "error_sorted": ("sorted by class", "s", "#B23A48"),
    "clean_error": ("clean", "x", "#52606D"),
}
"""What each metric of a stream is called, its marker and its colour."""
COMPARED = "batch-norm"
"""The method against which others are drawn over the stream."""
RATE = "images/s"

_HEAT = "magma_r"
Cells = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

corruptions = sheet(
    "corruptions",
    caption="One image under the fifteen corruptions: without (top), then at severities 1 to 5 (downwards). What is "
    "random differs between corruptions and is drawn alike for all severities.",
)


def errors_by_corruption(subject: Subject) -> Figure | None:
    """Draw a heat map per method, in the order of the table: error (%) by corruption (down) and severity (right)."""
    runs = frames.curve(subject.table, "heat", ("corruption", "severity", "error"))
    names, severities = subject.names("corruption"), sorted(map(int, runs["severity"].unique()))
    maps = {
        row.method: cells
        for row in subject.table.rows
        if (cells := _cells(runs.filter(pl.col("method") == row.method), len(names), severities)) is not None
    }
    if not maps:
        return None
    rows = [row for row in subject.table.rows if row.method in maps]
    drawing = new(min(WIDE, 2.6 + 1.0 * len(rows)), 4.1)
    panels = drawing.subplots(1, len(rows), sharey=True, squeeze=False)[0]
    norm = Normalize(0, max(float(np.nanmax(cells)) for cells in maps.values()))
    for axes, row in zip(panels, rows, strict=True):
        axes.imshow(maps[row.method], cmap=_HEAT, norm=norm, aspect="auto", interpolation="none")
        axes.set_xticks(range(len(severities)), map(str, severities))
        axes.set_title(named(row), fontsize=8.5, fontweight="bold" if row.rank == 1 else "normal", color=INK)
        axes.grid(visible=False)
        bare(axes, "left", "bottom")
    panels[0].set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    drawing.supxlabel("severity", fontsize=9, color=INK)
    bar = drawing.colorbar(ScalarMappable(norm, _HEAT), ax=list(panels), pad=0.01, fraction=0.02)
    bar.set_label("error (%)")
    bar.outline.set_visible(False)
    space(drawing, wide=0.03)
    return finish(
        drawing,
        subject,
        "errors-by-corruption",
        caption=f"Error by corruption and severity shown, as many images of each, a reset before each, mean over "
        f"{subject.seeds}. Methods in the order of the table.",
        alt=f"Heat maps of error on {formatting.track(subject.table.track)}, by corruption and severity. Mean over "
        "corruptions: "
        + "; ".join(f"{row.method} {_by_severity(maps[row.method], names, severities)}" for row in rows),
    )


def over_the_stream(subject: Subject) -> Figure | None:
    """Draw error (%), its change against batch statistics alone, and entropy (nats) by images seen, a line a method."""
    runs = frames.curve(subject.table, "stream", ("seen", "error", "entropy"))
    if runs["seen"].n_unique() < 2:
        return None
    base = runs.filter(pl.col("method") == COMPARED).select("seed", "seen", pl.col("error").alias("base"))
    changes = runs.join(base, on=["seed", "seen"]).with_columns(pl.col("error") - pl.col("base"))
    shown = {"error (%)": means(subject, runs, "seen", "error")}
    if not changes.is_empty():
        # The unadapted source would hide the others: its line is in the first panel.
        lines = means(subject, changes, "seen", "error")
        kept = [line for line in lines if line.row.method not in ("source", COMPARED)]
        if kept:
            shown[f"points of error against {COMPARED}"] = kept
    shown["entropy of the answers (nats)"] = means(subject, runs, "seen", "entropy")
    drawing = new(WIDE, max(3.2, 1.0 + 0.17 * len(shown["error (%)"])))
    panels = drawing.subplots(1, len(shown))
    ends = []
    for axes, (title, lines) in zip(panels, shown.items(), strict=True):
        labels = []
        for line in lines:
            x, y = list(line.values), [value.mean for value in line.values.values()]
            best = line.row.rank == 1
            axes.plot(x, y, color=hue(line.row, subject), linewidth=2.0 if best else 1.2, zorder=3 if best else 2)
            labels.append(Label(named(line.row), x[-1], y[-1], bold=best))
        titled(axes, title)
        axes.set_xlabel("images of the stream seen")
        axes.grid(visible=False, axis="x")
        if title.startswith("points"):
            axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.set_xlim(*axes.get_xlim())
        axes.set_ylim(*axes.get_ylim())
        ends.append((axes, labels, lines))
    space(drawing, wide=0.02)
    name_ends(subject, ends)
    return finish(
        drawing,
        subject,
        "over-the-stream",
        caption=f"Over a stream at severity 5, mean over corruptions and {subject.seeds}: error, its change against "
        f"batch statistics alone on the same images, and the entropy of the answers, which many methods lower. Each "
        "point is the mean over a twentieth of the stream. Grey: references, told of the corruptions beforehand.",
        alt=f"Line charts over the stream on {formatting.track(subject.table.track)}, at its beginning and end: "
        + ". ".join(
            f"{formatting.opening(title)}: " + "; ".join(map(_course, lines)) for title, lines in shown.items()
        ),
    )


def gain_over_statistics(subject: Subject) -> Figure | None:
    """Draw by how much each method's error differs from that of batch statistics alone, paired by seed, by setting."""
    rows = {row.method: row for row in subject.table.rows if row.records}
    if COMPARED not in rows or len(rows) < 2:
        return None
    shown = [row for name, row in rows.items() if name != COMPARED]
    panels = {
        title: {row.method: paired(row, rows[COMPARED], metric) for row in shown}
        for metric, (title, _, _) in SETTINGS.items()
        if metric != "error_short"  # the same streams as the long ones, cut short
    }
    panels = {title: values for title, values in panels.items() if any(values.values())}
    if not panels:
        return None
    label = f"error minus that of {COMPARED} (percentage points), lower is better"
    return finish(
        forest(subject, shown, panels, label, digits=2, shared=False),
        subject,
        "gain-over-statistics",
        caption=f"Error of each method minus that of batch statistics alone on the same images, paired by seed, "
        f"{subject.seeds}: to the left is better. Whiskers are 95 % intervals over seeds. {KEY} What each setting is, "
        "the next figure says.",
        alt=f"Differences of error to {COMPARED} on {formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{formatting.opening(title)}: "
            + "; ".join(f"{name} {value.mean:+.2f}" for name, value in values.items() if value is not None)
            for title, values in panels.items()
        ),
    )


def settings_and_cost(subject: Subject) -> Figure | None:
    """Draw per method, in the order of the table: error (%) in each setting, and milliseconds per image."""
    rows = [row for row in subject.table.rows if any(name in row.metrics for name in SETTINGS)]
    if not rows:
        return None
    drawing = new(WIDE, 1.15 + 0.3 * len(rows))
    left, right = drawing.subplots(1, 2, sharey=True, width_ratios=(2.2, 1))
    for place, (name, (title, marker, colour)) in enumerate(SETTINGS.items()):
        points = [(row.metrics[name], y) for y, row in enumerate(rows) if name in row.metrics]
        for value, y in points:
            aside = y + 0.09 * (place - (len(SETTINGS) - 1) / 2)
            left.errorbar(value.mean, aside, xerr=value.half_width or 0.0, color=colour, elinewidth=0.9)
            left.plot(value.mean, aside, marker, color=colour, markersize=5, label=title if y == points[0][1] else None)
    costs = {row.method: cost for row in rows if (cost := _milliseconds(row)) is not None}
    for y, row in enumerate(rows):
        if row.method in costs:
            face = "white" if row.role == "reference" else hue(row, subject)
            right.barh(y, costs[row.method], height=0.6, color=face, edgecolor=hue(row, subject))
            right.annotate(f" {costs[row.method]:.2g}", (costs[row.method], y), va="center", fontsize=8.5, color=INK)
    left.set_yticks(range(len(rows)), [named(row) for row in rows], color=INK, fontsize=9)
    for text, row in zip(left.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if row.rank == 1 else "normal")
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.set_xlim(left=0)
    left.set_xlabel("error (%), lower is better")
    right.set_xlabel("milliseconds per image, answer and adaptation")
    right.set_xlim(0, 1.2 * max(costs.values(), default=1.0))
    for axes in (left, right):
        bare(axes, "left", "bottom")
    right.grid(visible=False, axis="y")
    drawing.legend(loc="outside upper left", ncols=len(SETTINGS), frameon=False, fontsize=8.5, handletextpad=0.2)
    space(drawing, wide=0.02)
    return finish(
        drawing,
        subject,
        "settings-and-cost",
        caption=f"Error at severity 5, mean over corruptions, {subject.seeds}, in the settings that were run: "
        f"{', '.join(title for name, (title, _, _) in SETTINGS.items() if any(name in row.metrics for row in rows))}. "
        "Streams begin with a reset but where it says none, and those that are not long hold as many images each. "
        "Whiskers are 95 % intervals over seeds. Right: what an image of the long streams costs. Hollow: references.",
        alt=f"Dot chart of error on {formatting.track(subject.table.track)}: "
        + "; ".join(
            f"{row.method} "
            + ", ".join(f"{value.mean:.1f} % {title}" for title, value in _settings(row).items())
            + (f", {costs[row.method]:.2g} ms per image" if row.method in costs else "")
            for row in rows
        ),
    )


def _cells(runs: pl.DataFrame, count: int, severities: Sequence[int]) -> Cells | None:
    """Mean error over seeds, (corruptions, severities); NaN where there is none."""
    cells = np.full((count, len(severities)), np.nan)
    for place, severity, error in runs.group_by("corruption", "severity").agg(pl.col("error").mean()).iter_rows():
        if 0 <= place < count:
            cells[int(place), severities.index(int(severity))] = error
    return None if np.isnan(cells).all() else cells


def _by_severity(cells: Cells, names: Sequence[str], severities: Sequence[int]) -> str:
    """Mean error at each severity, and where the highest of all is."""
    found = [
        f"{column[~np.isnan(column)].mean():.1f} % at severity {severity}"
        for severity, column in zip(severities, cells.T, strict=True)
        if not np.isnan(column).all()
    ]
    worst = names[int(np.nanargmax(cells)) // len(severities)].replace("_", " ")
    return f"{', '.join(found)}, worst under {worst}"


def _course(line: Line) -> str:
    values = [value.mean for value in line.values.values()]
    return f"{line.row.method} {values[0]:.2f} and {values[-1]:.2f}"


def _milliseconds(row: Row) -> float | None:
    speed = rates.summaries(row).get(RATE)
    return 1000 / speed.mean if speed is not None and speed.mean > 0 else None


def _settings(row: Row) -> dict[str, Summary]:
    return {title: row.metrics[name] for name, (title, _, _) in SETTINGS.items() if name in row.metrics}


FIGURES = (errors_by_corruption, over_the_stream, gain_over_statistics, settings_and_cost, corruptions)
