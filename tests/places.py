"""Where tests find what is no code of theirs."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ROGUES = REPOSITORY / "tests" / "benchmark" / "contestant" / "rogues" / "misbehaving.py"
"""Methods that break in every way a contestant can."""
