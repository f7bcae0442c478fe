from __future__ import annotations

import pytest

from benchmark.tasks.long_sequence import timing


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stubs have no threads that would have to fall asleep."""
    monkeypatch.setattr(timing, "settle", lambda: None)
