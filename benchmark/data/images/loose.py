"""Images that lie in a folder or a zip in any order and nesting, without classes or splits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.images.decoding import decoded, image_at
from benchmark.data.images.image_folder import GREY
from benchmark.data.images.listing import SUFFIXES, opened, zip_members
from benchmark.errors import DataError
from benchmark.seeding import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def loose_images(where: Path, *, size: tuple[int, int] | None, count: int | None, seed: int) -> NDArray[np.uint8]:
    """Decode the images below a folder or in a zip: (n, 1 or 3, height, width), grey if all of them are.

    size: (height, width) to which all are brought, without keeping their aspect, that of the first if None;
    count: how many of them, a choice by the seed made before any is decoded, all if None. Raises DataError if there is
    none, or for one that cannot be read.
    """
    names = _listed(where)
    if not names:
        raise DataError(f"no image below {where}; one ends in {', '.join(sorted(SUFFIXES))}")
    if count is not None and count < len(names):
        chosen = numpy_generator(seed, "loose images").choice(len(names), count, replace=False)
        names = [names[index] for index in sorted(chosen.tolist())]
    with opened(where) as open_member:

        def look(name: str) -> tuple[str, tuple[int, int]]:
            with image_at(where, name, open_member) as image:
                return image.mode, image.size

        own = look(names[0])[1]
        grey = all(look(name)[0] in GREY for name in names)
    return decoded(where, names, size=(size[1], size[0]) if size else own, mode="L" if grey else "RGB")


def _listed(where: Path) -> list[str]:
    """Names of the images, sorted, hidden ones and what lies in hidden folders left out."""
    if where.is_file():
        names = zip_members(where)
    else:
        names = [
            (Path(folder) / file).relative_to(where).as_posix() for folder, _, files in os.walk(where) for file in files
        ]
    return sorted(
        name
        for name in names
        if Path(name).suffix.lower() in SUFFIXES
        and not any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)
    )
