"""What a record says about where it comes from: software, commit, and hashes of the code that decided it."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark import __version__, identity, plugins
from benchmark.data.source import Source
from benchmark.results.record import Provenance, Software
from benchmark.tasks import all_tracks
from benchmark.tasks.track import Entry, Track

_PACKAGE = identity.ROOT / "benchmark"


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


def provenance(track: Track[Any], entry: Entry, sources: Iterable[Source]) -> Provenance:
    """Which code judges a method, which is judged, and which makes the data."""
    commit, dirty = _commit()
    return Provenance(
        commit=commit,
        dirty=dirty,
        method_file=method_code(entry.origin),
        track_code=track_code(track),
        data_code="+".join(source.code() for source in sources),
        timer_code=timer_code(),
    )


def method_code(origin: str) -> str:
    """Hash of what the plug-in that registered a method reaches, but for the tracks that it registers on."""
    return identity.digest_of_origin(origin, without=tuple(file_of(track) for track in all_tracks()))


def track_code(track: Track[Any]) -> str:
    """Hash of what a track's definition reaches: rules, standard networks, attacks and corruptions, data, records."""
    return identity.digest_of(file_of(track), "track")


@lru_cache(maxsize=1)
def timer_code() -> str:
    """Hash of the code that takes times: the judge's clock, and the loop that a contestant answers in."""
    loaders = [file for room in ("plugins", "tasks", "data") for file in (_PACKAGE / room).rglob("*.py")]
    return identity.digest(*(_PACKAGE / "contestant" / name for name in ("remote.py", "process.py")), without=loaders)


def file_of(track: Track[Any]) -> Path:
    """The module in which a track is defined."""
    return Path(str(sys.modules[type(track.rules).__module__].__file__))


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
