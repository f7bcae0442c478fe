"""Numbers as text. Values are stored and computed raw; every table and figure label formats them here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from benchmark.results.stats import Summary

_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_COMPACT_FROM = 1e4


class Format:
    """How the numbers of one column are written, so that they can be compared down the column.

    Three significant digits of the largest mean, more where the typical interval is finer (at most two more);
    columns that reach 10,000 use k, M, G, T.
    """

    def __init__(self, summaries: Sequence[Summary]) -> None:
        largest = max((abs(summary.mean) for summary in summaries), default=0.0)
        widths = [summary.half_width for summary in summaries if summary.half_width]
        self.compact = largest >= _COMPACT_FROM
        base = _places(largest)
        finer = math.ceil(-math.log10(median(widths))) if widths else base
        self.places = min(max(base, finer), base + 2)

    def interval(self, summary: Summary) -> str:
        """Write mean ± half width, `91.3 ± 0.4` or `122k ± 3k`; the mean alone where one value has no interval."""
        if not self.compact:
            mean = fixed(summary.mean, self.places)
            return mean if summary.half_width is None else f"{mean} ± {fixed(summary.half_width, self.places)}"
        scale, suffix = next((pair for pair in _SCALES if abs(summary.mean) >= pair[0]), (1.0, ""))
        places = _places(summary.mean / scale)
        mean = f"{fixed(summary.mean / scale, places)}{suffix}"
        # Such columns count things; where all seeds count alike, "± 0" would only make them wide.
        return f"{mean} ± {fixed(summary.half_width / scale, places)}{suffix}" if summary.half_width else mean


def fixed(value: float, places: int) -> str:
    """Write a number with thousands separators and no negative zero."""
    text = f"{value:,.{places}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def seconds(value: float) -> str:
    """Write seconds with three significant digits: `0.042`, `12.3`, `1,234`."""
    return fixed(value, _places(value))


def rate(value: float) -> str:
    """Write a rate with three significant digits, for clocks give no more: `0.042`, `66.0`, `58,900`."""
    rounded = float(f"{value:.3g}")
    return fixed(rounded, _places(rounded))


def size(value: int) -> str:
    """Write bytes in binary units, `412 MiB` or `12.3 GiB`."""
    return f"{value / 2**20:,.0f} MiB" if value < 10 * 2**30 else f"{value / 2**30:,.1f} GiB"


def count(n: int, noun: str) -> str:
    """Write `1 record`, `2 records`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def label(name: str, unit: str = "") -> str:
    """Write a metric's name for people, `memory floats` or `ACC (%)`; a unit that the name holds is not repeated."""
    words = name.replace("_", " ")
    return f"{words} ({unit})" if unit and unit not in words.split() else words


def opening(text: str) -> str:
    """Let a sentence start with text: its first letter becomes a capital, the others stay as they are."""
    return text[:1].upper() + text[1:]


def track(name: str) -> str:
    """Write a track's name for people, `Forgetting: permuted`."""
    task, _, rest = name.replace("_", " ").partition(".")
    return f"{task.capitalize()}: {rest}"


def _places(value: float) -> int:
    """Decimals that leave three significant digits, six at most."""
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 6) if value else 0
