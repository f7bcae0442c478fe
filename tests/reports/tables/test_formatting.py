from __future__ import annotations

import pytest

from benchmark.results.stats import Summary
from reports.tables import formatting
from reports.tables.formatting import Format


@pytest.mark.parametrize(
    ("summaries", "texts"),
    [
        ([Summary(3, 91.234, 0.42), Summary(3, 5.06, 1.5)], ["91.2 ± 0.4", "5.1 ± 1.5"]),
        ([Summary(3, 98.3123, 0.021), Summary(3, 98.3456, 0.02)], ["98.31 ± 0.02", "98.35 ± 0.02"]),
        ([Summary(1, 91.234, None)], ["91.2"]),
        ([Summary(3, -0.0001, 0.0), Summary(3, -12.5, 3.0)], ["0.0 ± 0.0", "-12.5 ± 3.0"]),
        ([Summary(3, 121_234.0, 3_005.8), Summary(3, 0.0, 0.0)], ["121k ± 3k", "0"]),
        ([Summary(3, 8_960_000.0, 0.0)], ["8.96M"]),
        ([Summary(3, 0.0, 0.0)], ["0 ± 0"]),
        ([Summary(3, 0.00123, 0.0001)], ["0.00123 ± 0.00010"]),
    ],
)
def test_columns(summaries: list[Summary], texts: list[str]) -> None:
    written = Format(summaries)
    assert [written.interval(summary) for summary in summaries] == texts


def test_costs() -> None:
    assert [formatting.seconds(value) for value in (0.0, 0.0421, 12.34, 1234.5)] == ["0", "0.0421", "12.3", "1,234"]
    assert [formatting.size(value) for value in (0, 412 * 2**20, 12 * 2**30)] == ["0 MiB", "412 MiB", "12.0 GiB"]


def test_labels_do_not_repeat_their_unit() -> None:
    assert formatting.label("ACC", "%") == "ACC (%)"
    assert formatting.label("memory_floats", "floats") == "memory floats"
    assert formatting.label("index", "") == "index"
