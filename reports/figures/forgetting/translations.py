"""Figures of joint training on conflicting tasks: BLEU by language, gradients' cosines by family and over training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm

from reports.drawing.canvas import INK, MUTED, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.heat import TWO_SIDED, cells
from reports.drawing.lines import draw_lines, means, name_ends, named
from reports.tables import formatting, frames

FEW = 0.5
"""Languages with less than this share of the most sentences are low-resource."""
_SIDE = 1.9  # inches of a matrix
_ACROSS = 10.8  # inches for matrices side by side


def bleu_by_language(subject: Subject) -> Figure | None:
    """Draw a table in colours: BLEU of each method (row) in each language (column), families apart."""
    languages, families = subject.names("language"), subject.names("family")
    runs = frames.curve(subject.table, "languages", ("bleu", "share"))
    if not languages or runs.is_empty():
        return None
    seen = runs.with_columns(place=pl.int_range(pl.len()).over("method", "seed"))
    shares = seen.group_by("place").agg(pl.col("share").mean()).sort("place")["share"].to_list()
    rows = [row for row in subject.table.rows if row.method in set(seen["method"])]
    values = np.full((len(rows), len(languages)), np.nan)
    for method, place, mean in seen.group_by("method", "place").agg(pl.col("bleu").mean()).iter_rows():
        values[[row.method for row in rows].index(method), place] = mean
    few = [share < FEW for share in shares]
    drawing = new(min(WIDE, 2.4 + 0.72 * len(languages)), 1.0 + 0.32 * len(rows))
    axes = drawing.add_subplot()
    cells(axes, values, Normalize(0, max(1.0, float(np.nanmax(values)))), "{:.1f}")
    axes.set_yticks(range(len(rows)), [named(row) for row in rows], fontsize=8.5, color=INK)
    axes.set_xticks(
        range(len(languages)),
        [f"{name}*" if low else name for name, low in zip(languages, few, strict=True)],
        fontsize=8.5,
    )
    _family_lines(axes, families, len(rows))
    return finish(
        drawing,
        subject,
        "bleu-by-language",
        caption=f"BLEU by language, mean over {subject.seeds}; the darker, the higher. A star marks languages with few "
        "training sentences, a line parts families. In brackets: references.",
        alt=f"Table in colours of BLEU on {formatting.track(subject.table.track)}, a row per method, a column per "
        "language. Means, and those of languages with few sentences: "
        + "; ".join(
            f"{row.method} {_mean(each, 1)} and {_mean(each[few], 1)}" for row, each in zip(rows, values, strict=True)
        ),
    )


def cosines_by_family(subject: Subject) -> Figure | None:
    """Draw a matrix per method of the mean cosine of two languages' gradients, languages in the order of families."""
    languages, families = subject.names("language"), subject.names("family")
    runs = frames.curve(subject.table, "pairs", ("one", "other", "cosine"))
    if not languages or runs.is_empty():
        return None
    matrices = {
        method: _matrix(runs.filter(pl.col("method") == method), len(languages))
        for method in runs["method"].unique(maintain_order=True)
    }
    reach = max(float(np.nanmax(np.abs(matrix))) for matrix in matrices.values()) or 1.0
    columns = min(len(matrices), int(_ACROSS / _SIDE))
    lines = math.ceil(len(matrices) / columns)
    drawing = new(0.6 + columns * (_SIDE + 0.2), 0.3 + lines * (_SIDE + 0.35))
    panels = drawing.subplots(lines, columns, squeeze=False)
    for panel, (method, matrix) in zip(panels.flat, matrices.items(), strict=False):
        cells(panel, matrix, TwoSlopeNorm(0, -reach, reach), "{:.2f}" if len(languages) <= 6 else "", colours=TWO_SIDED)
        panel.set_aspect("equal")
        titled(panel, method)
        _family_lines(panel, families, len(languages), both=True)
        panel.set_xticks(range(len(languages)), languages, fontsize=7, rotation=90)
        panel.set_yticks(range(len(languages)), languages, fontsize=7)
    for panel in panels.flat[len(matrices) :]:
        panel.set_axis_off()
    same = np.array([[a == b for b in families] for a in families])
    apart = ~np.eye(len(languages), dtype=bool)
    return finish(
        drawing,
        subject,
        "cosines-by-family",
        caption="Cosine of the gradients of two languages' losses with respect to all weights that they share, mean "
        f"over the looks in training and {subject.seeds}. Lines part families; blue is alike, brown apart.",
        alt=f"Matrices of gradient cosines on {formatting.track(subject.table.track)}, one per method. Mean within "
        "families and across: "
        + "; ".join(
            f"{method} {_mean(matrix[same & apart])} and {_mean(matrix[~same])}" for method, matrix in matrices.items()
        ),
    )


def cosines_over_training(subject: Subject) -> Figure | None:
    """Draw the share of conflicting pairs, and the cosine within and across families, over training."""
    wanted = {
        "conflicts": ("pairs in conflict", "share of pairs (%)"),
        "within": ("languages of one family", "cosine of gradients"),
        "across": ("languages of different families", "cosine of gradients"),
    }
    panels = {}
    for column, words in wanted.items():
        runs = frames.curve(subject.table, "looks", ("step", column)).filter(pl.col("step") > 0)
        lines = means(subject, runs.with_columns(pl.col("step").log(2)), "step", column)
        if lines:
            panels[words] = lines
    if not panels:
        return None
    drawing = new(WIDE, 3.0)
    grid = drawing.subplots(1, len(panels), squeeze=False)[0]
    ends = []
    for axes, ((title, label), lines) in zip(grid, panels.items(), strict=True):
        steps = sorted({step for line in lines for step in line.values})
        ends.append((axes, draw_lines(axes, lines, subject, steps, name=lambda place: f"{2**place:,.0f}"), lines))
        axes.set(xlabel="step", ylabel=label)
        titled(axes, title)
    alike = [axes for axes, (_, label) in zip(grid, panels, strict=True) if label.startswith("cosine")]
    limits = [limit for axes in alike for limit in axes.get_ylim()]
    for axes in alike:
        axes.set_ylim(min(limits), max(limits))
    space(drawing, wide=0.03)
    name_ends(subject, ends)
    (title, _), lines = next(iter(panels.items()))
    return finish(
        drawing,
        subject,
        "cosines-over-training",
        caption=f"Gradients of the tasks while training goes on, {subject.seeds}, bars are 95 % intervals: how many "
        "pairs of languages point apart (cosine below 0), and how much alike two languages' gradients are.",
        alt=f"Line charts over training on {formatting.track(subject.table.track)}: {', '.join(t for t, _ in panels)}. "
        f"{title.capitalize()} in the end: "
        + "; ".join(f"{line.row.method} {list(line.values.values())[-1].mean:.0f} %" for line in lines),
    )


def cosine_by_distance(subject: Subject) -> Figure | None:
    """Draw each pair's mean cosine against its lexical distance, averaged over methods, a point per pair and seed."""
    runs = frames.curve(subject.table, "pairs", ("distance", "cosine"))
    families = subject.names("family")
    if runs.is_empty() or not families:
        return None
    pairs = runs.with_columns(place=pl.int_range(pl.len()).over("method", "seed"))
    shown = (
        pairs.group_by("seed", "place").agg(pl.col("distance").first(), pl.col("cosine").mean()).sort("seed", "place")
    )
    ties = [families[a] == families[b] for a in range(len(families)) for b in range(a + 1, len(families))]
    drawing = new(3.9, 3.1)
    axes = drawing.add_subplot()
    for kin, colour, word in ((True, "#0072B2", "one family"), (False, "#D55E00", "different families")):
        part = shown.filter(pl.Series([ties[place] == kin for place in shown["place"]]))
        axes.plot(part["distance"], part["cosine"], "o", color=colour, markersize=3.5, alpha=0.75, label=word)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set(xlabel="lexical distance of two languages", ylabel="cosine of their gradients")
    axes.legend(frameon=False, fontsize=8)
    return finish(
        drawing,
        subject,
        "cosine-by-distance",
        caption="Cosine of two languages' gradients against the normalised edit distance of their words, a point per "
        f"pair and seed, mean over methods and looks, {subject.seeds}.",
        alt=f"Scatter plot of gradient cosine against lexical distance on {formatting.track(subject.table.track)}.",
    )


def _matrix(runs: pl.DataFrame, size: int) -> npt.NDArray[np.float64]:
    """Symmetric means over seeds (size, size), NaN on the diagonal."""
    matrix = np.full((size, size), np.nan)
    for one, other, mean in runs.group_by("one", "other").agg(pl.col("cosine").mean()).iter_rows():
        matrix[int(one), int(other)] = matrix[int(other), int(one)] = mean
    return matrix


def _family_lines(axes: Axes, families: Sequence[str], rows: int, *, both: bool = False) -> None:
    """Part families by lines, and name them above."""
    first = 0
    for family, members in groupby(families):
        count = len(list(members))
        if not both:
            axes.text(first + (count - 1) / 2, -0.62, family, ha="center", va="bottom", fontsize=8.5, color=MUTED)
        if first:
            axes.plot([first - 0.5] * 2, [-0.5, rows - 0.5], color=INK, linewidth=1.2)
            if both:
                axes.plot([-0.5, rows - 0.5], [first - 0.5] * 2, color=INK, linewidth=1.2)
        first += count


def _mean(values: npt.NDArray[np.float64], digits: int = 3) -> str:
    return f"{np.nanmean(values):.{digits}f}" if np.isfinite(values).any() else "none"
