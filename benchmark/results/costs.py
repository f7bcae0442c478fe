"""What a result cost, as tables show it: one place for every cost column. Works without torch.

A further column is one more entry of `COLUMNS`: terminal, Markdown, page and CSV follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.results.record import Record
from benchmark.results.stats import Summary, summarise


@dataclass(frozen=True, slots=True)
class CostColumn:
    """A cost. name, unit: of the heading;  key: in the CSV;  read: its value in a record, None if that has none;
    largest: over seeds the largest counts, not the mean;  in_bytes: written as a size, otherwise as seconds;
    legend, note: what it is, as a sentence and in a few words."""

    name: str
    unit: str
    key: str
    read: Callable[[Record], float | None]
    largest: bool
    in_bytes: bool
    legend: str = ""
    note: str = ""

    def summary(self, records: Sequence[Record]) -> Summary | None:
        """The column's value over the seeds that have it; None without any."""
        values = [value for record in records if (value := self.read(record)) is not None]
        if not values:
            return None
        return Summary(len(values), max(values), None) if self.largest else summarise(values)


TIME = CostColumn(
    "time",
    "s",
    "method_seconds",
    lambda record: record.costs.method_seconds,
    largest=False,
    in_bytes=False,
    legend="Time is spent inside the method, rates (per second) are taken from it, both are means over seeds.",
    note="time: inside the method",
)
COLUMNS = (
    TIME,
    CostColumn(
        "memory",
        "peak",
        "peak_bytes",
        lambda record: record.costs.peak_bytes,
        largest=True,
        in_bytes=True,
        legend="Memory is the largest peak of its process.",
        note="memory: of its process",
    ),
    CostColumn(
        "GPU memory", "peak", "peak_device_bytes", lambda record: record.costs.peak_device_bytes, largest=True,
        in_bytes=True,
    ),
)  # fmt: skip
"""In the order of the tables. One that no row has is left out, but for the first two."""
