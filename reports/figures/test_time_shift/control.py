"""Figures of deployment under visual shift: return by kind and strength, over an episode, against the frozen policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmark.results.pairing import pairs
from benchmark.results.ranking import Row
from benchmark.results.record import Record
from benchmark.results.stats import Summary, over_seeds
from reports.drawing.canvas import INK, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.differences import KEY, forest
from reports.drawing.lines import Line, draw_lines, hue, means, name_ends, named
from reports.drawing.sheet import sheet
from reports.tables import formatting, frames

FROZEN = {"pad-rotation": "frozen-rotation"}
"""The frozen form of what starts from another network than `frozen`."""


def return_by_strength(subject: Subject) -> Figure | None:
    """Draw return (% of the expert's) by strength, a panel per kind of shift, one line per method."""
    panels = {kind: _lines(subject, kind, "strength") for kind in subject.names("kind")}
    panels = {kind: lines for kind, lines in panels.items() if lines}
    if not panels:
        return None
    most = max(map(len, panels.values()))
    drawing = new(WIDE, 2 * max(2.6, 0.9 + 0.17 * most))
    grid = drawing.subplots(2, 2, sharey=True, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    strengths = subject.names("strength")
    places = [float(place) for place in range(len(strengths))]
    ends = []
    for axes, (kind, lines) in zip(grid, panels.items(), strict=False):
        ends.append((axes, draw_lines(axes, lines, subject, places), lines))
        axes.set_xticks(places, strengths)
        titled(axes, kind)
    for axes in grid[:: grid.size // 2]:
        axes.set_ylabel("return (% of the expert's)")
    space(drawing, wide=0.03, high=0.04)
    name_ends(subject, ends)
    first = next(iter(panels))
    return finish(
        drawing,
        subject,
        "return-by-strength",
        caption=f"Return by kind and strength of the shift, in % of the expert's without shift, {subject.seeds}; "
        "higher is better. Bars are 95 % intervals over policies, several of each seed. Marks are moved aside a "
        "little, so that they do not hide each other.",
        alt=f"Line charts of return over strength on {formatting.track(subject.table.track)}, a panel per kind of "
        f"shift: {', '.join(panels)}. {first.capitalize()}: "
        + "; ".join(
            f"{line.row.method} " + ", ".join(f"{value.mean:.0f} %" for value in line.values.values())
            for line in panels[first]
        ),
    )


def return_over_episode(subject: Subject) -> Figure | None:
    """Draw return by step of an episode, without shift and under each mild one, smoothed, averaged over seeds."""
    panels = {kind: _lines(subject, f"{kind}_by_step", "step") for kind in ("none", *subject.names("kind"))}
    panels = {kind: lines for kind, lines in panels.items() if lines}
    if not panels:
        return None
    drawing = new(WIDE, 3.0)
    grid = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (kind, lines) in zip(grid, panels.items(), strict=True):
        for line in lines:
            steps, values = list(line.values), [value.mean for value in line.values.values()]
            axes.plot(steps, _smooth(values), color=hue(line.row, subject), linewidth=1.3, label=named(line.row))
        axes.set_title("no shift" if kind == "none" else f"mild {kind}", fontsize=9.5, fontweight="bold", color=INK)
        axes.set_xlabel("step")
    grid[0].set_ylabel("return (% of the expert's)")
    handles, words = grid[0].get_legend_handles_labels()
    drawing.legend(handles, words, loc="outside lower center", ncols=len(words), frameon=False, fontsize=8.5)
    return finish(
        drawing,
        subject,
        "return-over-episode",
        caption=f"Return by step of the episode, mean over policies and {subject.seeds}, smoothed over {_WINDOW} "
        "steps: what adaptation gains it gains as the episode goes on. Where a task moves on, as the reacher's mark "
        "does, all lines fall together.",
        alt=f"Line charts of return over an episode on {formatting.track(subject.table.track)}, without shift and "
        f"under mild ones: {', '.join(panels)}.",
    )


def gain_over_frozen(subject: Subject) -> Figure | None:
    """Draw what each adapting method gains over its frozen form, paired by policy: without shift, and by mild kind."""
    rows = {row.method: row for row in subject.table.rows if row.records}
    kinds = subject.names("kind")
    gains = {
        name: _gains(row, rows[base], kinds)
        for name, row in rows.items()
        if (base := FROZEN.get(name, "frozen")) in rows and base != name and name not in FROZEN.values()
    }
    gains = {name: found for name, found in gains.items() if found}
    if not gains:
        return None
    panels = {
        column if column == "no shift" else f"mild {column}": {name: found[column] for name, found in gains.items()}
        for column in ("no shift", *kinds)
    }
    shown = [rows[name] for name in gains]
    drawing = forest(subject, shown, panels, "return minus that of the frozen policy (points)")
    return finish(
        drawing,
        subject,
        "gain-over-frozen",
        caption="What each method gains (right) or loses (left) against the frozen policy in the same episodes, in "
        f"points of return, {subject.seeds}; pad-rotation against the frozen policy that it starts from. Whiskers are "
        f"95 % intervals over seeds, and never narrower than those over all their policies. {KEY}",
        alt=f"Differences of return to the frozen policy on {formatting.track(subject.table.track)}: "
        + "; ".join(
            f"{name} " + ", ".join(f"{value.mean:+.1f} ({column})" for column, value in found.items())
            for name, found in gains.items()
        ),
    )


shifts = sheet(
    "shifts",
    caption="The environment's first frames under each kind of shift at each strength, two episodes of each; every "
    "episode has a look of its own, and none changes what is earned.",
    tile=0.75,
)

_WINDOW = 5
_NONE, _MILD = 0.0, 1.0
"""Places of strengths in the curves."""


def _lines(subject: Subject, name: str, x: str) -> list[Line]:
    return means(subject, frames.curve(subject.table, name, (x, "return")), x, "return")


def _gains(row: Row, base: Row, kinds: Sequence[str]) -> Mapping[str, Summary]:
    """Paired differences without shift and by mild kind; none if the runs have no policies in common."""
    returns = [(_returns(one, kinds), _returns(other, kinds)) for one, other in pairs(row, base)]
    differences = [one - other for one, other in returns if one.size and one.shape == other.shape]
    if not differences:
        return {}
    names = ("no shift", *kinds)
    return {name: over_seeds([each[place].tolist() for each in differences]) for place, name in enumerate(names)}


def _returns(record: Record, kinds: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Returns by policy (1 + kinds, policies): without shift, then under each mild one; (0, 0) if there are none."""
    curves = [record.curves.get(kind, {}) for kind in kinds]
    found = [_at(curve, _NONE) for curve in curves[:1]] + [_at(curve, _MILD) for curve in curves]
    return np.array(found, dtype=np.float64) if len({len(values) for values in found}) == 1 else np.zeros((0, 0))


def _at(curve: Mapping[str, Sequence[float]], strength: float) -> list[float]:
    """Returns at a strength, in the order of the policies."""
    rows = zip(curve.get("strength", ()), curve.get("return", ()), strict=False)
    return [value for place, value in rows if place == strength]


def _smooth(values: list[float]) -> list[float]:
    """Means over the last few steps, fewer at the start."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - _WINDOW, 0)
    return [float(value) for value in (total[ends] - total[starts]) / (ends - starts)]


FIGURES = (return_by_strength, gain_over_frozen, return_over_episode, shifts)
