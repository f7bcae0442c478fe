"""Folders of the user's own become datasets: each entry below the data root that has a layout, under its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from benchmark.data.catalogue import Catalogue, DatasetEntry


def register(
    root: Path,
    catalogue: Catalogue,
    *,
    has_layout: Callable[[Path], bool],
    make: Callable[[str], object],
    what: str,
    origin: str,
) -> None:
    """Register entries in lower case with "-" for other characters.

    make: the dataset of an entry's name below `root`;  what: it is, as in "image folder";  origin: the file whose code
    reads it. A name that is taken is left alone, and a plug-in that comes later may take the name of a folder.
    """
    if not root.is_dir():
        return
    for path in sorted(root.iterdir()):
        name = re.sub(r"[^a-z0-9_-]+", "-", path.name.removesuffix(".zip").lower()).strip("-")
        if not name or path.name.startswith(".") or name in catalogue.entries or not has_layout(path):
            continue
        catalogue.entries[name] = DatasetEntry(
            name,
            title=f"{path.name}, the user's {what}",
            licence="the user's own; not known",
            source=str(path),
            dataset=make(path.name),
            origin=origin,
            gives_way=True,
        )
