"""Which code a record names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmark import identity
from benchmark.running import provenance


def test_what_loads_a_method_is_no_part_of_the_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: set[str] = set()

    def digest(*files: Path, without: Iterable[Path]) -> str:
        reached.update(str(file.relative_to(identity.ROOT)) for file in identity.reached(*files, without=without))
        return ""

    monkeypatch.setattr(identity, "digest", digest)
    provenance.timer_code.__wrapped__()
    assert {"benchmark/contestant/remote.py", "benchmark/machine/meters.py"} <= reached
    assert {room for room in ("plugins", "tasks", "data") for file in reached if f"benchmark/{room}" in file} == set()
