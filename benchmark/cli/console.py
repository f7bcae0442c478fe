"""What verbs print to, and how they load plug-ins."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """The terminal; where output is piped, wide enough that no line is broken."""
    from rich.console import Console

    out = Console(stderr=stderr, highlight=False)
    return out if out.is_terminal else Console(stderr=stderr, highlight=False, width=160, soft_wrap=True)


def duration(seconds: float) -> str:
    """Write seconds as people say them: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def load_plugins(paths: Sequence[Path], out: Console | None = None) -> list[str]:
    """Load our plug-ins, read entry points and the given paths; print what is broken, and return it, and go on.

    Raises ModuleNotFoundError if torch is missing: then all are broken, for one reason.
    """
    if importlib.util.find_spec("torch") is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    from rich.markup import escape

    from benchmark import plugins

    problems = [str(problem) for problem in plugins.load(paths)]
    for problem in problems:
        (out or console(stderr=True)).print(escape(problem), style="red")
    return problems


def print_json(value: object) -> None:
    """Print a value for a program to read."""
    print(json.dumps(value, indent=1, ensure_ascii=False))
