"""A change of structure moves no number: see `tests.golden.numbers`. The contract's test compares smoke metrics."""

from __future__ import annotations

import json

from tests.golden import numbers


def test_comparison_parts_are_those_of_published_records():
    assert numbers.comparison_parts() == json.loads(numbers.COMPARISON.read_text())
