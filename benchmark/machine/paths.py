"""Folders of the user's that the harness reads and writes."""

from __future__ import annotations

import os
from pathlib import Path


def data_root() -> Path:
    """Folder of the user's datasets: $HEPTATHLON_DATA, else ~/.local/share/heptathlon."""
    return Path(os.environ.get("HEPTATHLON_DATA") or Path.home() / ".local/share/heptathlon").expanduser()


def cache_root() -> Path:
    """Folder of what can be made again, such as decoded images: $HEPTATHLON_CACHE, else ~/.cache/heptathlon."""
    return Path(os.environ.get("HEPTATHLON_CACHE") or Path.home() / ".cache/heptathlon").expanduser()
