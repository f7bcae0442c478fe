"""Figures of long sequences: speed and memory by length or position, and where a method overtakes exact attention."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from benchmark.results.stats import Summary
from reports.drawing.canvas import MUTED, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.labels import Label
from reports.drawing.lines import Line, hue, means, name_ends, named
from reports.tables import formatting, frames

_LEAST = 0.3  # of its mean: an interval's lower end on a log scale


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: column y of a curve by column x, in `scale` times its unit."""

    title: str
    curve: str
    x: str
    y: str
    scale: float = 1.0


_SPEED = "tokens_per_second"
_ENCODE = (
    Panel("tokens/s, forward", "forward", "length", _SPEED),
    Panel("tokens/s, forward and backward", "gradients", "length", _SPEED),
    Panel("memory of a forward call (MiB)", "memory", "length", "bytes", 2**-20),
)
_GAIN = (
    Panel("speed-up over exact attention, forward", "forward", "length", "speed_up"),
    Panel("the same, forward and backward", "gradients", "length", "speed_up"),
)
_DECODE = (
    Panel("tokens/s", "decode", "position", _SPEED),
    Panel("speed-up over cached exact attention", "decode", "position", "speed_up"),
    Panel("kept between steps (MiB)", "decode", "position", "state_bytes", 2**-20),
)


def speed_and_memory(subject: Subject) -> Figure | None:
    """Draw tokens/s and memory by length, log-log; a cross is a length that ran out of memory."""
    shown = _shown(subject, _ENCODE)
    if not shown:
        return None
    lost = frames.curve(subject.table, "out_of_memory", ("length",))
    failed = {str(name): sorted(set(cells["length"])) for (name,), cells in lost.group_by("method")}
    marks = "; ".join(f"{name} at length {min(lengths):,.0f}" for name, lengths in sorted(failed.items()))
    return _draw(
        subject,
        "speed-and-memory",
        shown,
        failed=failed,
        caption=f"Tokens per second and memory by length, mean over {subject.seeds}; whiskers are 95 % intervals. "
        "Memory counts inputs and outputs. "
        + (f"Crosses: out of memory ({marks})." if marks else "No measured length ran out of memory."),
    )


def speed_up(subject: Subject) -> Figure | None:
    """Draw the speed-up over exact attention by length, and say from which length on each method has one."""
    shown = _shown(subject, _GAIN)
    if not shown:
        return None
    lines = shown[_GAIN[0]]
    said = "; ".join(f"{named(line.row)} {_from(line)}" for line in lines)
    return _draw(
        subject,
        "speed-up",
        shown,
        caption=f"Times as fast as exact attention by torch's fused kernel, timed in turn with it; mean over "
        f"{subject.seeds}. Faster, forward: {said}.",
    )


def decoding(subject: Subject) -> Figure | None:
    """Draw speed, speed-up and state of generation by position."""
    shown = _shown(subject, _DECODE)
    if not shown:
        return None
    said = "; ".join(f"{named(line.row)} {_from(line)}" for line in shown.get(_DECODE[1], []))
    return _draw(
        subject,
        "decoding",
        shown,
        caption=f"Generation by position: tokens per second, times as fast as exact attention over cached keys and "
        f"values, and what is kept; mean over {subject.seeds}. Faster: {said}.",
    )


def crossover(places: Sequence[float], gains: Sequence[float]) -> float | None:
    """From which place on the gain is at least 1, interpolated between logarithms; None if it is not at the last.

    places: rising;  gains: above 0. The first place if the gain is never less.
    """
    below = [index for index, gain in enumerate(gains) if gain < 1]
    if not below:
        return places[0]
    last = below[-1]
    if last == len(gains) - 1:
        return None
    (x0, x1), (y0, y1) = ([math.log(value) for value in pair[last : last + 2]] for pair in (places, gains))
    return math.exp(x0 - y0 * (x1 - x0) / (y1 - y0))


def _from(line: Line) -> str:
    """In words, where a line of speed-ups rises above 1 for good."""
    places, gains = list(line.values), [value.mean for value in line.values.values()]
    place = crossover(places, gains)
    if place is None:
        return f"nowhere up to {places[-1]:,.0f}"
    return f"from {place:,.0f} on" if place > places[0] else f"everywhere from {place:,.0f} on"


def _shown(subject: Subject, panels: Sequence[Panel]) -> dict[Panel, list[Line]]:
    """Lines of the panels that have any, scaled."""
    found = {}
    for panel in panels:
        runs = frames.curve(subject.table, panel.curve, (panel.x, panel.y))
        runs = runs.with_columns(pl.col(panel.y) * panel.scale)
        if lines := [line for line in means(subject, runs, panel.x, panel.y) if _positive(line.values)]:
            found[panel] = lines
    return found


def _positive(values: Mapping[float, Summary]) -> bool:
    return all(value.mean > 0 for value in values.values())


def _draw(
    subject: Subject,
    name: str,
    shown: Mapping[Panel, Sequence[Line]],
    *,
    caption: str,
    failed: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    count = max(len(lines) for lines in shown.values())
    drawing = new(WIDE * len(shown) / 3, max(3.4, 1.0 + 0.17 * count))
    panels = drawing.subplots(1, len(shown), squeeze=False)[0]
    ends = []
    for axes, (panel, lines) in zip(panels, shown.items(), strict=True):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        places = sorted(
            {place for line in lines for place in line.values} | set(itertools.chain(*(failed or {}).values()))
        )
        values = [value for line in lines for value in line.values.values()]
        low, high = min(v.mean - _down(v) for v in values), max(v.mean + (v.half_width or 0.0) for v in values)
        axes.set_xlim(places[0] / 1.2, places[-1] * 1.2)
        axes.set_ylim(low / 1.2, high * 1.2)
        labels = [_line(axes, line, subject, (failed or {}).get(line.row.method, ())) for line in lines]
        if panel.y == "speed_up":
            axes.axhline(1, color=MUTED, linewidth=1.0)
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([_short(place) for place in places])
        titled(axes, panel.title)
        axes.set_xlabel(panel.x)
        axes.grid(visible=False, axis="x")
        ends.append((axes, labels, lines))
    space(drawing, wide=0.03)
    name_ends(subject, ends)
    first = next(iter(shown))
    told = "; ".join(
        f"{line.row.method} " + ", ".join(f"{value.mean:.3g} at {place:,.0f}" for place, value in line.values.items())
        for line in shown[first]
    )
    return finish(
        drawing,
        subject,
        name,
        caption=caption,
        alt=f"{first.title} on {formatting.track(subject.table.track)}, by {first.x}: {told}",
    )


def _line(axes: Axes, line: Line, subject: Subject, failed: Sequence[float]) -> Label:
    """Draw a method's means with intervals, and a cross at the bottom for each length that it failed at."""
    x, y = list(line.values), [value.mean for value in line.values.values()]
    halves = [value.half_width or 0.0 for value in line.values.values()]
    down = [_down(value) for value in line.values.values()]
    mark = subject.mark(line.row.method, reference=line.row.role == "reference", size=4.5)
    axes.errorbar(x, y, yerr=[down, halves], linewidth=1.4, **mark)
    if failed:
        at, colour = [y[-1]] * len(failed), hue(line.row, subject)
        axes.plot(failed, at, color=colour, linestyle="none", marker="x", markersize=8, markeredgewidth=2)
    return Label(named(line.row), x[-1], y[-1], bold=line.row.rank == 1)


def _down(value: Summary) -> float:
    """Length of an interval's lower half, as far as a log scale shows it."""
    return min(value.half_width or 0.0, (1 - _LEAST) * value.mean)


def _short(place: float) -> str:
    return f"{place / 1024:g}k" if place >= 1024 else f"{place:g}"
