"""Pictures in records: sheets of small images with names for their rows and columns. Reads without torch."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmark.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

_LARGEST = 2**24
"""Bytes of pixels that a sheet may hold, so that no file can fill the memory of who reads it."""


class Picture(BaseModel):
    """A sheet of equal tiles, row by row.

    pixels: bytes (rows, columns, height, width, channels) of 8 bits each, compressed by zlib, in base64
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: list[str] = Field(min_length=1)
    columns: list[str] = Field(min_length=1)
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    channels: int = Field(ge=1, le=3)
    pixels: str

    @model_validator(mode="after")
    def _is_whole(self) -> Picture:
        if self.channels == 2:
            raise ValueError("tiles have 1 or 3 channels, not 2")
        expected = math.prod(self.shape)
        if expected > _LARGEST:
            raise ValueError(f"{expected} bytes of pixels are more than the {_LARGEST} that a sheet may hold")
        found = len(self._bytes(expected))
        if found != expected:
            raise ValueError(f"{found} bytes of pixels or more where {self.shape} asks for {expected}")
        return self

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """(rows, columns, height, width, channels)."""
        return len(self.rows), len(self.columns), self.height, self.width, self.channels

    def tiles(self) -> npt.NDArray[np.uint8]:
        """The pixels, shaped (rows, columns, height, width, channels)."""
        import numpy as np

        return np.frombuffer(self._bytes(math.prod(self.shape)), dtype=np.uint8).reshape(self.shape)

    def _bytes(self, expected: int) -> bytes:
        try:
            reader = zlib.decompressobj()
            found = reader.decompress(base64.b64decode(self.pixels, validate=True), expected + 1)
        except (binascii.Error, zlib.error) as error:
            raise ValueError(f"the pixels cannot be unpacked ({error})") from None
        if len(found) == expected and not reader.eof:
            raise ValueError("the pixels cannot be unpacked (cut short)")
        return found


def sheet(tiles: Tensor, *, rows: Sequence[str], columns: Sequence[str]) -> Picture:
    """Make a sheet of tiles (rows, columns, c, h, w): uint8, or floating point in [0, 1].

    Raises UsageError if the names do not fit the tiles, or floats leave [0, 1].
    """
    import torch

    if tiles.ndim != 5 or tuple(tiles.shape[:2]) != (len(rows), len(columns)) or tiles.shape[2] not in (1, 3):
        raise UsageError(
            f"tiles have the shape {tuple(tiles.shape)}; {len(rows)} rows and {len(columns)} columns of images with "
            f"1 or 3 channels are ({len(rows)}, {len(columns)}, c, h, w)"
        )
    if tiles.dtype != torch.uint8:
        low, high = float(tiles.min()), float(tiles.max())
        if not (low >= 0 and high <= 1):
            raise UsageError(f"tiles lie in [{low:g}, {high:g}]; clip them to [0, 1]")
        tiles = (tiles * 255).round().to(torch.uint8)
    packed = zlib.compress(tiles.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy().tobytes(), 9)
    return Picture(
        rows=list(rows),
        columns=list(columns),
        height=tiles.shape[3],
        width=tiles.shape[4],
        channels=tiles.shape[2],
        pixels=base64.b64encode(packed).decode(),
    )
