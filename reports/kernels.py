"""Two runs of the throughput suite side by side: a table for the terminal, and a figure."""

from __future__ import annotations

import math
from itertools import groupby

from matplotlib.lines import Line2D
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmark.results.throughput import Comparison, Run
from reports.drawing.canvas import INK, MUTED, bare, log_scale, look, new, svg

_RAW, _RELATIVE = "#9AA5B1", "#0B6E99"


def show(found: Comparison, console: Console) -> None:
    """Print the ratios of all kernels that do the same work, what was refused and why, and what to beware of."""
    console.print(f"A: {escape(_where(found, 0))}\nB: {escape(_where(found, 1))}")
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("kernel")
    for heading in ("A", "B", "B is faster", "than anchors"):
        grid.add_column(heading, justify="right")
    for name, ratio in found.anchors.items():
        grid.add_row(f"anchor: {escape(name)}", "", "", f"{ratio:.2f} x", "")
    for group, pairs in groupby(found.pairs, key=lambda pair: pair.group):
        grid.add_row(f"[bold]{escape(group)}[/bold]")
        for pair in pairs:
            seconds = (_seconds(value) for value in (pair.first_seconds, pair.second_seconds))
            grid.add_row(f"  {escape(_short(pair.name))}", *seconds, f"{pair.ratio:.2f} x", f"{pair.relative:.2f} x")
    console.print(grid)
    console.print(f"anchors together: B is {found.anchor_ratio:.2f} times as fast; the last column divides by that")
    for name, reason in found.refused.items():
        console.print(f"refused: {escape(name)}: {escape(reason)}; run both with one version", style="red")
    for name, file in found.missing.items():
        console.print(f"only in one run: {escape(name)} is not in {escape(file)}", style="yellow")
    for warning in found.warnings:
        console.print(f"beware: {escape(warning)}", style="yellow")


def show_roofline(run: Run, console: Console) -> None:
    """Print each kernel's share of the roofline: the least time that its arithmetic or its bytes take at this machine's
    own matrix-product rate and copy bandwidth, over the time it took. Nothing, where no kernel's work is known."""
    known = [kernel for kernel in run.kernels.values() if kernel.extra_info.share_of_bound is not None]
    if not known:
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("kernel")
    for heading in ("median", "of roofline", "limited by"):
        grid.add_column(heading, justify="right")
    for group, kernels in groupby(known, key=lambda kernel: kernel.group or ""):
        grid.add_row(f"[bold]{escape(group)}[/bold]")
        for kernel in kernels:
            share = kernel.extra_info.share_of_bound or 0.0
            name = escape(_short(kernel.fullname))
            grid.add_row(f"  {name}", _seconds(kernel.stats.median), f"{share:.0%}", kernel.extra_info.limited_by)
    console.print(grid)


def figure(found: Comparison) -> str:
    """Draw B's speed over A's per kernel on a log scale, raw and relative to the anchors; SVG text."""
    with look():
        drawing = new(7.2, 1.2 + 0.24 * len(found.pairs))
        axes = drawing.add_subplot()
        for position, pair in enumerate(found.pairs):
            axes.plot([pair.ratio, pair.relative], [position] * 2, color=_RAW, linewidth=1, zorder=1)
            axes.scatter(pair.ratio, position, s=26, facecolors="white", edgecolors=_RAW, linewidths=1.4, zorder=2)
            axes.scatter(pair.relative, position, s=26, color=_RELATIVE, zorder=3)
        log_scale(axes, "{:g} x")
        everything = [value for pair in found.pairs for value in (pair.ratio, pair.relative)]
        axes.set_xlim(min([0.8, *everything]) / 1.1, max([1.25, *everything]) * 1.1)
        axes.axvline(1, color=MUTED, linewidth=0.8)
        axes.set_yticks(range(len(found.pairs)), [_short(pair.name) for pair in found.pairs], color=INK, fontsize=8)
        axes.set_ylim(len(found.pairs) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(
            f"times as fast: {found.second.where.device.slug} over {found.first.where.device.slug}, medians"
        )
        bare(axes, "left")
        marks = [
            Line2D([], [], marker="o", linestyle="", markerfacecolor=face, markeredgecolor=edge, label=label)
            for face, edge, label in (
                ("white", _RAW, "raw"),
                (_RELATIVE, _RELATIVE, f"relative to the anchors ({found.anchor_ratio:.2f} x)"),
            )
        ]
        drawing.legend(handles=marks, loc="outside upper center", ncols=2, frameon=False, fontsize=8.5)
        return svg(drawing)


def rows(found: Comparison) -> dict[str, object]:
    """The same as data."""
    return {
        "first": {"file": str(found.first.path), "device": found.first.where.device.slug},
        "second": {"file": str(found.second.path), "device": found.second.where.device.slug},
        "anchors": dict(found.anchors),
        "anchor_ratio": found.anchor_ratio,
        "kernels": [
            {
                "kernel": pair.name,
                "first_seconds": pair.first_seconds,
                "second_seconds": pair.second_seconds,
                "ratio": pair.ratio,
                "relative": pair.relative,
            }
            for pair in found.pairs
        ],
        "refused": dict(found.refused),
        "missing": dict(found.missing),
        "warnings": list(found.warnings),
    }


def _where(found: Comparison, which: int) -> str:
    run = (found.first, found.second)[which]
    return f"{run.path}: {run.where.device.slug}, torch {run.where.software.torch}, {run.started_at[:10]}"


def _short(benchmark: str) -> str:
    """`test_few_shot.py::test_sixty_episodes[batched]` -> `sixty_episodes, batched`."""
    name, _, form = benchmark.rpartition("::")[2].removeprefix("test_").partition("[")
    return f"{name}, {form.removesuffix(']')}" if form else name


def _seconds(value: float) -> str:
    """Three significant figures with the unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale or unit == "us":
            return f"{value / scale:.{max(0, 2 - math.floor(math.log10(value / scale)))}f} {unit}"
    raise AssertionError
