"""A change of structure moves no number: see `tests.golden.numbers`."""

from __future__ import annotations

import json

import pytest

from benchmark import plugins
from benchmark.tasks import all_tracks
from tests.golden import numbers

plugins.load_datasets()
plugins.load_methods()
ENTRIES = [(track, method) for track in all_tracks() for method in sorted(track.entries)]


def test_comparison_parts_are_those_of_published_records():
    assert numbers.comparison_parts() == json.loads(numbers.COMPARISON.read_text())


@pytest.mark.parametrize(("track", "method"), ENTRIES, ids=lambda word: getattr(word, "name", word))
def test_smoke_metrics_are_the_same_to_the_bit(track, method):
    if not numbers.smoke_file().exists():
        pytest.skip(f"nobody has recorded smoke metrics on {numbers.machine()}; `make golden` does")
    known = json.loads(numbers.smoke_file().read_text())
    assert numbers.smoke(track, method) == known[f"{track.name}/{method}"]
