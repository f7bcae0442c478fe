"""Runs the suite: `heptathlon throughput`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmark.errors import HeptathlonError, StoreError, UsageError
from benchmark.results import throughput

_PACKAGE = Path(__file__).parent
_FAILED = 1
_NOTHING = 5
"""Exit codes of pytest: some tests failed; none were selected."""


def run(out: Path, *, only: str = "") -> int:
    """Run the suite in a process of its own and store its JSON at `out`; return 1 if a kernel failed its check.

    only: a pytest -k expression; the anchors run in any case, as there is no comparing without. Raises UsageError if
    pytest-benchmark is missing or nothing matches, StoreError if `out` cannot be written, HeptathlonError if the run
    broke off.
    """
    lacking = [name for name in ("pytest", "pytest_benchmark") if importlib.util.find_spec(name) is None]
    if lacking:
        raise UsageError(f"the suite needs {' and '.join(lacking)}: pip install 'heptathlon[test]'")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".heptathlon-") as folder:
            stored = Path(folder) / "run.json"
            code = subprocess.run(_command(stored, only), env=_environment(), check=False).returncode
            if code == _NOTHING or (only and stored.is_file() and not throughput.load(stored).kernels):
                raise UsageError(f"no kernel matches {only!r}; heptathlon throughput without --only runs all")
            if code not in (0, _FAILED) or not stored.is_file():
                raise HeptathlonError(f"the suite broke off (pytest's exit code {code}); what it said stands above")
            os.replace(stored, out)
    except OSError as error:
        raise StoreError(f"{out} cannot be written ({error}); name another file with --out") from error
    return 1 if code else 0


def _command(stored: Path, only: str) -> list[str]:
    words = [sys.executable, "-m", "pytest", str(_PACKAGE), "-c", os.devnull, f"--rootdir={_PACKAGE}", "-q"]
    words += ["--import-mode=importlib", "-p", "no:cacheprovider", "--benchmark-enable", f"--benchmark-json={stored}"]
    words += ["--benchmark-columns=median,iqr,rounds", "--benchmark-sort=name", "--benchmark-warmup-iterations=1"]
    return [*words, "-k", f"test_anchor or ({only})"] if only else words


def _environment() -> dict[str, str]:
    """Ours, where the package that runs now is the one that is imported; a worker of pytest-xdist times nothing."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    paths = [str(_PACKAGE.parent.parent), *filter(None, [ours.get("PYTHONPATH")])]
    return ours | {"PYTHONPATH": os.pathsep.join(paths)}
