"""One colour and one marker per method name, the same in every figure of a report."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.results.ranking import Table

# Okabe and Ito's set without its yellow, which is faint on white, and three of Paul Tol's muted set: told apart with
# every common colour blindness, and by lightness in print.
HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#332288", "#882255", "#999933")
MARKERS = ("o", "s", "D", "^", "v", "p", "h", "<", ">")
REFERENCE = "#6B7280"


@dataclass(frozen=True, slots=True)
class Style:
    """How a method is drawn."""

    colour: str
    marker: str


def styles(tables: Iterable[Table]) -> dict[str, Style]:
    """Choose a style for every method.

    A method starts from the hue that its name hashes to, so that it rarely changes from report to report, and moves on
    while a method it shares a track with has taken that hue; a tenth method of one track repeats the rarest, with
    another marker. Methods that are only ever references are grey.
    """
    tracks: dict[str, set[str]] = defaultdict(set)
    ranked: set[str] = set()
    for table in tables:
        for row in table.rows:
            tracks[row.method].add(table.track)
            ranked |= {row.method} if row.role != "reference" else set()
    taken: dict[str, Counter[int]] = defaultdict(Counter)
    chosen = {name: Style(REFERENCE, "*") for name in tracks.keys() - ranked}
    for name in sorted(ranked):
        start = hashlib.blake2b(name.encode()).digest()[0]
        order = [(start + step) % len(HUES) for step in range(len(HUES))]
        slot = min(order, key=lambda slot: sum(taken[track][slot] for track in tracks[name]))
        again = max(taken[track][slot] for track in tracks[name])
        for track in tracks[name]:
            taken[track][slot] += 1
        chosen[name] = Style(HUES[slot], MARKERS[(slot + again) % len(MARKERS)])
    return chosen
