"""Images of a folder or zip become arrays: decoded once, kept, with errors that name the image."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmark.data.cache import digest, kept_array
from benchmark.data.catalogue import LabelledImages, Split
from benchmark.data.images.listing import Listing, Opener, opened
from benchmark.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Mode = Literal["L", "RGB"]
"""Pillow's words for one channel and for three."""
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What Pillow and zipfile raise for a damaged or encrypted image; SyntaxError is for broken PNG chunks."""
DEEP = ("I", "F")
"""Pillow's names of modes with more than eight bits per channel begin so."""


def load(
    listing: Listing, split: Split, *, decided_by: Sequence[str], decode: Callable[[], NDArray[np.uint8]]
) -> LabelledImages:
    """Read one split, class by class, from the kept array or by decoding it.

    decided_by: words that decide the array, with the split;  decode: makes it, (n, channels, height, width) uint8
    """
    import torch

    key = digest(*(word.encode() for word in (*decided_by, split)))
    images = kept_array(f"images/{listing.where.stem}-{split}-{key}", decode)
    counts = torch.tensor([len(names) for names in listing.files[split]])
    labels = torch.repeat_interleave(torch.arange(len(counts)), counts)
    return LabelledImages(torch.from_numpy(images), labels, listing.classes)


def decoded(
    where: Path, names: Sequence[str], *, size: tuple[int, int], mode: Mode, resampling: str = "BILINEAR"
) -> NDArray[np.uint8]:
    """Decode images to (n, 1 or 3, height, width), resized to (width, height) without keeping their aspect.

    resampling: Pillow's filter. Raises DataError that names an image which cannot be read.
    """
    import numpy as np
    from PIL.Image import Resampling

    width, height = size
    pixels = np.empty((len(names), height, width, len(mode)), dtype=np.uint8)
    with opened(where) as open_member:
        for index, name in enumerate(names):
            with image_at(where, name, open_member) as image:
                flat = image.convert(mode)
            if flat.size != size:
                flat = flat.resize(size, Resampling[resampling])
            pixels[index] = np.asarray(flat).reshape(height, width, -1)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


@contextmanager
def image_at(where: Path, name: str, open_member: Opener) -> Iterator[Image]:
    """Open one image of a folder or zip. Raises DataError that names it if it cannot be read, here or in the block."""
    from PIL import Image

    try:
        with open_member(name) as file, Image.open(file) as image:
            if image.mode.startswith(DEEP):
                raise ValueError(f"mode {image.mode} has more than 8 bits per channel")
            yield image
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise DataError(
            f"cannot read the image {name} in {where}: {error}; replace it with an 8-bit image or remove it"
        ) from None
