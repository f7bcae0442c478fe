"""Where the user's data lie, and what can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.machine import paths


@pytest.mark.parametrize("empty", [False, True])
def test_by_default_below_the_home(empty: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("HEPTATHLON_DATA", "HEPTATHLON_CACHE"):
        if empty:
            monkeypatch.setenv(variable, "")
        else:
            monkeypatch.delenv(variable)
    assert paths.data_root() == tmp_path / ".local" / "share" / "heptathlon"
    assert paths.cache_root() == tmp_path / ".cache" / "heptathlon"


def test_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HEPTATHLON_DATA", "~/pictures")
    monkeypatch.setenv("HEPTATHLON_CACHE", "/scratch/kept")
    assert (paths.data_root(), paths.cache_root()) == (tmp_path / "pictures", Path("/scratch/kept"))
