"""What a record says about where it comes from: software, commit, and hashes of the code that decided it."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark import __version__, models, plugins, training
from benchmark.record import Provenance, Software
from benchmark.task import Entry, Track

_HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def software() -> Software:
    """Versions of what is installed here."""
    import numpy
    import torch
    import torchvision

    return Software(
        heptathlon=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        numpy=numpy.__version__,
        cuda=torch.version.cuda,
    )


def provenance(track: Track[Any], entry: Entry) -> Provenance:
    """Which code judges a method, and which is judged."""
    commit, dirty = _commit()
    return Provenance(
        commit=commit,
        dirty=dirty,
        method_file=origin_code(entry.origin),
        track_code=track_code(track),
        timer_code=timer_code(),
    )


@lru_cache
def origin_code(origin: str) -> str:
    """Content hash of the plug-in that registered a method; of its name, for a module of an entry point."""
    path = Path(origin)
    return _digest([path]) if path.is_file() else hashlib.blake2b(origin.encode(), digest_size=8).hexdigest()


@lru_cache
def track_code(track: Track[Any]) -> str:
    """Content hash of the rules, the standard networks, the training loop, and what else the track says it uses."""
    rules = Path(str(sys.modules[type(track.rules).__module__].__file__))
    networks = sorted(Path(str(models.__file__)).parent.glob("*.py"))
    return _digest([rules, Path(training.__file__), *networks, *(_HERE / f"{name}.py" for name in track.uses)])


@lru_cache(maxsize=1)
def timer_code() -> str:
    """Content hash of the code that takes times."""
    return _digest([_HERE / "measure.py", _HERE / "contestant.py", _HERE / "method_process.py"])


def _digest(paths: list[Path]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _commit() -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout this code runs from; None outside one."""
    root = plugins.bundled("methods").parent
    if not (root / ".git").exists():
        return None, None

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None
