"""A cloud of points, from whatever a user names: a dataset of images, a folder or zip of images, a file of numpy's."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.catalogue import FixedDataset, ProceduralDataset, catalogue
from benchmark.data.images.loose import loose_images
from benchmark.data.kinds import kind_of
from benchmark.data.source import Source
from benchmark.errors import DataError, UsageError
from benchmark.seeding import LOCAL_SALT, Draw, generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

ARRAYS = (".npy", ".npz")
DRAWN = 2000
"""Images of a procedural dataset, where nobody says how many."""
SIDE = 28
"""Pixels, of images that are drawn, where nobody says how many."""


def read_points(what: str, *, count: int | None, size: tuple[int, int] | None, seed: int) -> Tensor:
    """Points (n, D) float32: pixels in [0, 1] of images, flattened, or the numbers of an array (n, ...) as they are.

    what: a dataset's name in the catalogue, or the path of a folder or zip of images, or of an array;  count: at most
    so many of them, chosen or drawn by the seed;  size: (height, width) of images. Raises UnknownNameError for a name
    that is none, UsageError for what has no points or a size, DataError for what is missing or cannot be read.
    """
    import torch

    path = Path(what)
    if what in catalogue.entries or not (path.exists() or path.suffix or path.name != what):
        return _of_dataset(what, count=count, size=size, seed=seed)
    if not path.exists():
        raise UsageError(f"no file or folder {what}; name a dataset, a folder or zip of images, or a .npy or .npz file")
    if path.is_dir() or path.suffix.lower() == ".zip":
        images = torch.from_numpy(loose_images(path, size=size, count=count, seed=seed))
        return _flat(images) / 255
    if path.suffix.lower() not in ARRAYS:
        raise UsageError(f"cannot read {what}; name a folder or zip of images, or a .npy or .npz file")
    if size is not None:
        raise UsageError(f"{what} holds an array; only images can be brought to a size")
    return _chosen(torch.from_numpy(_array(path)), count, seed).flatten(1)


def _of_dataset(name: str, *, count: int | None, size: tuple[int, int] | None, seed: int) -> Tensor:
    source = Source.of(catalogue.find(name))
    dataset = source.entry.dataset
    absent = source.missing()
    if absent:
        raise DataError(absent)
    if isinstance(dataset, FixedDataset):
        images = _chosen(source.read("train").images, count, seed)
        if size is not None and tuple(images.shape[2:]) != size:
            raise UsageError(
                f"{name} has images of {'x'.join(map(str, images.shape[2:]))} pixels; only folders can be resized"
            )
        return _flat(images) / 255
    if not isinstance(dataset, ProceduralDataset):
        kind = kind_of(dataset)
        raise UsageError(f"{name} is a dataset of the kind {kind!r}; this needs images with a class each")
    height, width = size or (SIDE, SIDE)
    if height != width:
        raise UsageError(f"images of {name} are drawn as high as wide; say one number of pixels")
    classes, wanted = list(range(len(dataset.classes))), count or DRAWN
    draw = Draw("dimension", seed, LOCAL_SALT, "cpu")
    per_class = -(-wanted // len(classes))
    images = source.images("train", classes=classes, per_class=per_class, size=height, draw=draw).images
    return _flat(images[:wanted]) / 255


def _array(path: Path) -> NDArray[np.float32]:
    """The array of a file, or the only one of an archive. Raises DataError with the remedy."""
    import numpy as np

    try:
        read = np.load(path, allow_pickle=False)
        if isinstance(read, np.lib.npyio.NpzFile):
            with read:
                if len(read.files) != 1:
                    raise DataError(f"{path} holds {len(read.files)} arrays ({', '.join(read.files)}); save one alone")
                read = read[read.files[0]]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {path}: {error}; save it with numpy.save") from None
    if read.ndim < 2 or 0 in read.shape or read.dtype.kind not in "biuf":
        raise DataError(f"{path} holds {read.dtype} of shape {read.shape}; save real numbers (n, ...), one row a point")
    with np.errstate(over="ignore"):  # the infinity that it makes is refused where points are looked at
        made: NDArray[np.float32] = np.ascontiguousarray(read, dtype=np.float32)
    return made


def _chosen(rows: Tensor, count: int | None, seed: int) -> Tensor:
    """At most so many rows, in their order."""
    import torch

    if count is None or count >= len(rows):
        return rows
    return rows[torch.randperm(len(rows), generator=generator(seed, "points"))[:count].sort().values]


def _flat(images: Tensor) -> Tensor:
    return images.flatten(1).float()
