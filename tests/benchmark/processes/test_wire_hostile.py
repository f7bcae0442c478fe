"""Bytes that are no message, or a crafted one, can only be refused."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.processes.wire import WireError, decode, encode

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def message(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8) + text + body


def claim(dtype: object, shape: object, body: bytes = b"") -> bytes:
    return message({"$tensor": dtype, "shape": shape}, body)


def nested(depth: int, around: Callable[[Any], Any]) -> Any:
    """An empty list inside so many containers."""
    return around(nested(depth - 1, around)) if depth else []


class TestHostileBytes:
    def test_truncated_anywhere(self) -> None:
        whole = encode({"scores": torch.ones(2, 3), "flags": [True, torch.tensor(1)]})
        for length in range(len(whole)):
            with pytest.raises(WireError):
                decode(whole[:length])

    @pytest.mark.parametrize(
        ("packed", "sentence"),
        [
            (encode(torch.ones(2)) + b"\0", "1 bytes follow the last tensor"),
            (claim("float32", [2**30, 2**25], b"\0" * 8), "needs 144115188075855872 bytes, 8 are left"),
            (claim("float32", [-1], b"\0" * 4), r"no tensor of 'float32' with shape \[-1\]"),
            (claim("float32", [-2, -2], b"\0" * 16), "no tensor"),
            (claim("float32", [1.0], b"\0" * 4), "no tensor"),
            (claim("float32", [True], b"\0" * 4), "no tensor"),
            (claim("float32", "11", b"\0" * 4), "no tensor"),
            (claim("float32", {"0": 1}, b"\0" * 4), "no tensor"),
            (message({"$tensor": "float32"}), "with shape None"),
            (claim("float33", [1], b"\0" * 4), "no tensor of 'float33'"),
            (claim("complex64", [1], b"\0" * 8), "no tensor of 'complex64'"),
            (claim(["float32"], [1], b"\0" * 4), "no tensor"),
            (claim(None, [1], b"\0" * 4), "no tensor"),
            (claim("float32", [0, 2**62, 2**62]), r"with shape \[0,"),
            (claim("float32", [0, 2**70]), r"with shape \[0,"),
            (message(b"[" * 200_000), "not JSON"),
            (message(b"\xff\xfe\xfd"), "not JSON"),
            (message(b"1" * 5000), "not JSON"),
            (message(b""), "not JSON"),
            (message({"$tuple": 3}), "a tuple of int"),
            (message([{"$tuple": {"0": 1}}]), "a tuple of dict"),
            (message({"$tuple": None}), "a tuple of NoneType"),
            (message(nested(33, lambda inner: [inner])), "nested deeper than 32 levels"),
            (message(nested(33, lambda inner: {"$tuple": [inner]})), "nested deeper than 32 levels"),
            ((2**63).to_bytes(8) + b"[]", "cannot hold its header"),
            ((3).to_bytes(8) + b"[]", "cannot hold its header"),
            (b"", "a message of 0 bytes"),
        ],
        ids=range(27),
    )
    def test_crafted(self, packed: bytes, sentence: str) -> None:
        with pytest.raises(WireError, match=sentence):
            decode(packed)

    def test_truth_values_are_made_of_any_byte(self) -> None:
        assert decode(claim("bool", [3], b"\x00\x07\xff")).sum() == 2

    @given(st.binary(max_size=200))
    @settings(deadline=None)
    def test_random_bytes(self, packed: bytes) -> None:
        for attempt in (packed, message(packed)):
            refused_or_data(attempt)

    @given(st.data())
    @settings(deadline=None, max_examples=300)
    def test_valid_messages_with_changed_bytes(self, data: st.DataObject) -> None:
        packed = bytearray(encode({"a": [torch.ones(2, 3), 1.5, "x"], "b": torch.zeros(4, dtype=torch.bool)}))
        places = st.tuples(st.integers(0, len(packed) - 1), st.integers(0, 255))
        for place, byte in data.draw(st.lists(places, min_size=1, max_size=4)):
            packed[place] = byte
        refused_or_data(bytes(packed))

    @given(st.data())
    @settings(deadline=None)
    def test_any_json_as_header(self, data: st.DataObject) -> None:
        words = st.sampled_from(["$tensor", "$tuple", "shape", "float32", "bool"]) | st.text(max_size=3)
        sizes = st.lists(st.integers(-1, 3) | st.integers(), max_size=4)
        tensor = st.fixed_dictionaries({"$tensor": words | sizes}, optional={"shape": sizes | PLAIN})
        header = data.draw(st.recursive(PLAIN | tensor, lambda inner: st.lists(inner) | st.dictionaries(words, inner)))
        refused_or_data(message(header, b"\1" * data.draw(st.integers(0, 40))))

    def test_a_pickle_is_never_executed(self, tmp_path: Path) -> None:
        class Bomb:
            def __reduce__(self) -> Any:
                return os.mkdir, (str(tmp_path / "went-off"),)

        bomb = pickle.dumps(Bomb())
        for packed in (bomb, message(bomb), claim("uint8", [len(bomb)], bomb)):
            refused_or_data(packed)
        assert not (tmp_path / "went-off").exists()
        pickle.loads(bomb)
        assert (tmp_path / "went-off").exists(), "the bomb is a dud, and the test shows nothing"


def refused_or_data(packed: bytes) -> None:
    """Decode bytes that may be no message: WireError is the only exception, and what comes out can be encoded."""
    try:
        value = decode(packed)
    except WireError:
        return
    encode(value)
