"""The command as a user meets it, and what it left in its folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmark.results.store import Store

SMOKE = ("run", "--tier", "smoke", "--track", "forgetting.permuted")


def heptathlon(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own."""
    command = [sys.executable, "-m", "benchmark", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def records(folder: Path) -> dict[str, tuple[str, float]]:
    """Status and ACC of every job in the store, which must be whole."""
    found = Store(folder / "runs").scan()
    assert found.problems == ()
    return {str(r.job): (r.status, r.metrics["ACC"].value if r.metrics else -1.0) for r in found.records}
