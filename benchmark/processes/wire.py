"""What crosses between judge and contestant: tensors, numbers, strings and containers of them, as data only.

A message is the length of its header (8 bytes, big endian), a JSON header, and the bytes of its tensors one after the
other. Nothing is ever unpickled, so that decoding a hostile message can fail but not run code.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
    )
}  # fmt: skip
_TENSOR, _TUPLE = "$tensor", "$tuple"
"""Keys that no dictionary of a message may have."""
_MAX_DEPTH = 32


class WireError(ValueError):
    """A value that may not cross, or bytes that are no message."""


def encode(value: Any) -> bytes:
    """Write a value as a message. Raises WireError for anything that is not data."""
    buffers: list[bytes] = []
    packed = _pack(value, buffers, "value", 0)
    try:
        header = json.dumps(packed).encode()
    except ValueError as error:  # an integer of thousands of digits
        raise WireError(f"value cannot be written: {error}") from None
    return b"".join([len(header).to_bytes(8), header, *buffers])


def decode(message: bytes) -> Any:
    """Read a message. Raises WireError if the bytes are not exactly one message."""
    view = memoryview(message)
    size = int.from_bytes(view[:8])
    if len(view) < 8 or size > len(view) - 8:
        raise WireError(f"a message of {len(view)} bytes cannot hold its header")
    try:
        header = json.loads(bytes(view[8 : 8 + size]))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is not JSON: {error}") from None
    reader = _Reader(view[8 + size :])
    value = reader.unpack(header, 0)
    if reader.position != len(reader.body):
        raise WireError(f"{len(reader.body) - reader.position} bytes follow the last tensor")
    return value


def _pack(value: Any, buffers: list[bytes], where: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise WireError(f"{where} is nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, np.ndarray | np.generic):
        value = _from_numpy(value, where)
    if isinstance(value, Tensor):
        return _pack_tensor(value, buffers, where)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        items = [_pack(item, buffers, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
        return {_TUPLE: items} if isinstance(value, tuple) else items
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key in (_TENSOR, _TUPLE):
                raise WireError(f"{where} has the key {key!r}; keys must be strings")
        return {key: _pack(item, buffers, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    raise WireError(f"{where} is a {type(value).__name__}; only tensors, numbers, strings and containers of them cross")


def _from_numpy(array: np.ndarray[Any, Any] | np.generic, where: str) -> Tensor:
    """Copy to a tensor: torch takes no negative strides or foreign byte orders, and warns of read-only memory."""
    try:
        return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
    except TypeError as error:
        raise WireError(f"{where} is an array of {array.dtype}: {error}") from None


def _pack_tensor(tensor: Tensor, buffers: list[bytes], where: str) -> dict[str, Any]:
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in _DTYPES or tensor.layout != torch.strided or tensor.is_nested or tensor.is_meta:
        raise WireError(
            f"{where} is a {tensor.layout} tensor of {tensor.dtype}; send a dense one of {', '.join(_DTYPES)}"
        )
    flat = tensor.detach().cpu().resolve_neg().contiguous().reshape(-1)
    buffers.append(flat.view(torch.uint8).numpy().tobytes())
    return {_TENSOR: name, "shape": list(tensor.shape)}


class _Reader:
    def __init__(self, body: memoryview) -> None:
        self.body = body
        self.position = 0

    def unpack(self, packed: Any, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise WireError(f"nested deeper than {_MAX_DEPTH} levels")
        if isinstance(packed, list):
            return [self.unpack(item, depth + 1) for item in packed]
        if isinstance(packed, dict):
            if _TENSOR in packed:
                return self._tensor(packed)
            if _TUPLE in packed:
                return self._tuple(packed[_TUPLE], depth)
            return {key: self.unpack(item, depth + 1) for key, item in packed.items()}
        return packed

    def _tuple(self, items: Any, depth: int) -> tuple[Any, ...]:
        if not isinstance(items, list):
            raise WireError(f"a tuple of {type(items).__name__}")
        return tuple(self.unpack(item, depth + 1) for item in items)

    def _tensor(self, packed: dict[str, Any]) -> Tensor:
        dtype = _DTYPES.get(str(packed[_TENSOR]))
        shape = packed.get("shape")
        if dtype is None or not isinstance(shape, list) or not _countable(shape):
            raise WireError(f"no tensor of {packed[_TENSOR]!r} with shape {shape!r}")
        size = math.prod(shape) * dtype.itemsize
        if size > len(self.body) - self.position:
            raise WireError(f"a tensor of shape {shape} needs {size} bytes, {len(self.body) - self.position} are left")
        # A copy: writable, and aligned as torch's own tensors are, on which the last bits of a matrix product depend.
        flat = torch.empty(math.prod(shape), dtype=dtype)
        flat.view(torch.uint8).numpy()[:] = np.frombuffer(self.body, np.uint8, size, self.position)
        self.position += size
        if dtype == torch.bool:
            flat = flat.view(torch.uint8) != 0  # a byte of 7 is no truth value: sums would count it seven times
        return flat.reshape(shape)


def _countable(shape: list[Any]) -> bool:
    """Whether these are sizes, and strides fit 64 bits even beside a size of 0."""
    sizes_ok = all(type(size) is int and size >= 0 for size in shape)
    return sizes_ok and math.prod(max(size, 1) for size in shape) < 2**60
