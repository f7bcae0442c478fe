"""Figures of `sample_efficiency.intrinsic_dimension`: estimates against truth, k and n, and what dimension costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from benchmark.results.stats import Summary
from reports.drawing.canvas import INK, MUTED, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.lines import Line, draw_lines, means, name_ends, named
from reports.drawing.sheet import sheet
from reports.figures.sample_efficiency.estimates import estimates, images, logs, whole
from reports.figures.sample_efficiency.tie import samples_against_dimension
from reports.tables import formatting

GROUPS = {
    "cubes, spheres, waves": ("linear", "sphere", "waves"),
    "decoder": ("decoder",),
    "factors of a glyph": ("factors",),
    "network (at most)": ("gan",),
}
"""Panels of known dimension, and the families of clouds in each."""
PUBLISHED = {
    "mnist": {3.0: 7.0, 5.0: 11.0, 10.0: 12.0, 20.0: 13.0},
    "cifar10": {3.0: 13.0, 5.0: 21.0, 10.0: 25.0, 20.0: 26.0},
}
"""Table 1 of Pope et al., ICLR 2021, arXiv:2104.08894, by number of neighbours."""
BIASED, UNBIASED = "mle-released", "mle"
_FLAT = 0.25
"""Share of the biased estimate's growth below which the unbiased one does not grow with it."""
_APART = 0.15
"""Of the axis, from one named tick to the next: numbers of images are long."""
_FAR = 2.5
"""Times the median of a panel beyond which a method is named in the caption and not drawn."""


def estimates_against_truth(subject: Subject) -> Figure | None:
    """Draw the estimate, mean over k, against the true dimension, log-log, a panel for each group of families."""
    runs, families = estimates(subject), subject.names("family")
    panels = {}
    for title, members in GROUPS.items():
        places = [float(place) for place, family in enumerate(families) if family in members]
        inside = whole(runs.filter(pl.col("cloud").is_in(places) & (pl.col("truth") > 0)))
        lines = means(subject, logs(inside, "truth", "estimate"), "truth", "estimate")
        if lines:
            panels[title] = lines
    if not panels:
        return None
    drawing = new(WIDE, max(3.2, 1.0 + 0.19 * max(map(len, panels.values()))))
    ends = []
    grid = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, lines) in zip(grid, panels.items(), strict=True):
        places = sorted({place for line in lines for place in line.values})
        labels = draw_lines(axes, lines, subject, places, name=lambda place: f"{2**place:.3g}")
        axes.plot(places, places, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
        titled(axes, title)
        ends.append((axes, labels, lines))
    _powers(grid[0], [value for lines in panels.values() for line in lines for value in line.values.values()])
    grid[0].set_ylabel("estimated dimension (log scale)")
    drawing.supxlabel("true dimension (log scale)", fontsize=9, color=INK)
    name_ends(subject, ends[-1:])
    return finish(
        drawing,
        subject,
        "estimate-against-truth",
        caption=f"Estimated against true dimension, geometric mean over k and clouds, {subject.seeds}; whiskers are "
        "95 % intervals over seeds. The dotted line is the truth, and of the adversarial network the most that its "
        "images can have. So few points do not tell many dimensions: lines that bend away from the dots saturate.",
        alt=f"Estimates against truth on {formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{title}: "
            + "; ".join(
                f"{named(line.row)} {2 ** list(line.values.values())[-1].mean:.1f} of {2 ** list(line.values)[-1]:.3g}"
                for line in lines
            )
            for title, lines in panels.items()
        ),
    )


def estimates_by_neighbours(subject: Subject) -> Figure | None:
    """Draw the estimates of images of unknown dimension against k, with what the paper's table says of them."""
    panels = {
        name: lines
        for name, runs in images(subject).items()
        if (lines := means(subject, whole(runs).with_columns(pl.col("k").log(2)), "k", "estimate"))
    }
    if not panels:
        return None
    return _by(
        subject,
        "estimate-by-neighbours",
        panels,
        x="number of neighbours k (log scale)",
        published=True,
        words=f"Estimated dimension of images by the number of neighbours k, mean over {subject.seeds}; whiskers are "
        f"95 % intervals over seeds. {_growth(panels)}",
    )


def estimates_by_points(subject: Subject) -> Figure | None:
    """Draw the estimates of images, mean over k, against the number of points."""
    panels = {}
    for name, runs in images(subject).items():
        averaged = runs.group_by("method", "seed", "n").agg(pl.col("estimate").mean()).with_columns(pl.col("n").log(2))
        if lines := means(subject, averaged, "n", "estimate"):
            panels[name] = lines
    if not panels:
        return None
    return _by(
        subject,
        "estimate-by-points",
        panels,
        x="number of images n (log scale)",
        words=f"Estimated dimension of images by how many there are, mean over k and {subject.seeds}; whiskers are "
        "95 % intervals over seeds. An estimate without its number of points says little.",
    )


def _by(
    subject: Subject, name: str, panels: Mapping[str, Sequence[Line]], *, x: str, words: str, published: bool = False
) -> Figure:
    """A panel per data set, a line per method; far ones are told in the caption, and what the paper's crosses are."""
    shown = {title: _near(lines) for title, lines in panels.items()}
    far = [
        f"{line.row.method} at {list(line.values.values())[-1].mean:.0f} of {title}"
        for title, lines in panels.items()
        for line in lines
        if line not in shown[title]
    ]
    drawing = new(WIDE, max(3.2, 1.0 + 0.19 * max(map(len, shown.values()))))
    ends = []
    crosses = False
    for axes, (title, lines) in zip(drawing.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        places = sorted({place for line in lines for place in line.values})
        labels = draw_lines(axes, lines, subject, places, name=lambda place: f"{round(2**place):,}", apart=_APART)
        if published and title in PUBLISHED:
            crosses = True
            table = PUBLISHED[title]
            axes.plot([np.log2(k) for k in table], list(table.values()), "x", color=INK, markersize=7, zorder=4)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(x)
        titled(axes, title)
        ends.append((axes, labels, lines))
    ends[0][0].set_ylabel("estimated dimension")
    space(drawing, wide=0.04)
    name_ends(subject, ends)
    words += " Crosses: table 1 of arXiv:2104.08894." if crosses else ""
    words += f" Far above, and not drawn: {'; '.join(far)}." if far else ""
    return finish(
        drawing,
        subject,
        name,
        caption=words,
        alt=f"Estimates of images on {formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{title}: " + "; ".join(f"{named(line.row)} {list(line.values.values())[-1].mean:.1f}" for line in lines)
            for title, lines in panels.items()
        ),
    )


def _growth(panels: Mapping[str, Sequence[Line]]) -> str:
    """One sentence on whose the growth over k is."""
    parts, changes = [], []
    for title, lines in panels.items():
        both = {line.row.method: [value.mean for value in line.values.values()] for line in lines}
        if {BIASED, UNBIASED} <= set(both):
            grown = {name: 100 * (values[-1] / values[0] - 1) for name, values in both.items()}
            changes.append(grown)
            parts.append(f"by {grown[BIASED]:+.0f} % and by {grown[UNBIASED]:+.0f} % on {title}")
    if not parts:
        return ""
    flat = all(abs(grown[UNBIASED]) < _FLAT * grown[BIASED] for grown in changes)
    said = (
        f"From the smallest k to the largest {BIASED}, which divides by k - 2 as the released code does, and "
        f"{UNBIASED}, which divides by the unbiased k - 1, change {', '.join(parts)}"
        + (": the growth with k in the paper's table is the estimator's." if flat else ".")
    )
    return said.replace(" -", " −")


def _near(lines: Sequence[Line]) -> list[Line]:
    last = [list(line.values.values())[-1].mean for line in lines]
    limit = _FAR * float(np.median(last))
    return [line for line, value in zip(lines, last, strict=True) if value <= limit]


def _powers(axes: Axes, values: Sequence[Summary]) -> None:
    """Name the ticks of a y axis of logarithms to the base of 2."""
    ends = [value.mean + sign * (value.half_width or 0.0) for value in values for sign in (-1, 1)]
    low, high = np.floor(min(min(ends), 0.0)), np.ceil(max(ends))
    ticks = np.arange(low, high + 1)
    axes.set_yticks(ticks, [f"{2**tick:.3g}" for tick in ticks])
    axes.set_ylim(low - 0.1, high + 0.1)


FIGURES = (
    estimates_against_truth,
    estimates_by_neighbours,
    estimates_by_points,
    samples_against_dimension,
    *(
        sheet(family, caption=f"{words} Each row has one number of dimensions.", tile=0.55)
        for family, words in (
            ("decoder", "Images of a random decoder."),
            ("factors", "One image, shifted along x and y, turned and scaled as its row allows."),
            ("gan", "Images of the adversarial network that the harness trained, with so many latent entries free."),
            ("noise", "A decoder's images of 8 dimensions with so many pixels of noise."),
        )
    ),
)
