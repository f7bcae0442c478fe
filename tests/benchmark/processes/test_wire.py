"""What crosses between judge and contestant comes back equal, and hostile bytes can only be refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.processes.wire import WireError, decode, encode

FLOATS = ("float64", "float32", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = [getattr(torch, name) for name in (*FLOATS, *INTEGERS, "bool")]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Any dtype, up to three dimensions of up to three, some of them not contiguous."""
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    raw = torch.randint(0, 100, shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    tensor = raw.to(draw(st.sampled_from(DTYPES)))
    return tensor.transpose(0, -1) if shape and draw(st.booleans()) else tensor


def containers(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.text().filter(lambda key: key not in ("$tensor", "$tuple"))

    def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner)

    return st.recursive(leaves, around, max_leaves=8)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return (one.dtype, one.shape) == (other.dtype, other.shape) and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


class TestRoundTrip:
    @given(containers(PLAIN | tensors()))
    @settings(deadline=None)
    def test_any_data(self, value: Any) -> None:
        assert same(value, decode(encode(value)))

    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    @pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (2, 3)], ids=str)
    def test_every_dtype_and_shape(self, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
        tensor = torch.arange(max(1, *shape, 1) ** 2)[: int(np.prod(shape))].reshape(shape).to(dtype)
        assert same(tensor, decode(encode(tensor)))

    def test_special_floats(self) -> None:
        tensor = torch.tensor([float("nan"), float("inf"), -0.0], dtype=torch.bfloat16)
        assert decode(encode(tensor)).view(torch.int16).tolist() == tensor.view(torch.int16).tolist()
        assert str(decode(encode([float("nan"), float("-inf")]))) == "[nan, -inf]"

    def test_views_of_memory_bring_their_own_part_only(self) -> None:
        base = torch.arange(12.0).reshape(3, 4)
        for view in (base.t(), base[:, 1:3], base[::2], torch.ones(1).expand(5), torch._neg_view(base)):
            assert same(view, decode(encode(view)))
        assert len(encode(base[0, :1])) < 60

    def test_parameters_come_as_plain_tensors(self) -> None:
        back = decode(encode(torch.nn.Parameter(torch.ones(2))))
        assert type(back) is torch.Tensor
        assert not back.requires_grad

    @pytest.mark.parametrize(
        "array",
        [
            np.arange(6, dtype=np.int16).reshape(2, 3),
            np.arange(6.0).reshape(2, 3).T,
            np.arange(4)[::-1],
            np.arange(3, dtype=">f4"),
            np.zeros((0, 2), dtype=bool),
            np.float32(1.5),
            np.float64(2.5),
            np.bool_(True),
        ],
        ids=repr,
    )
    def test_numpy_comes_back_as_a_tensor(self, array: Any) -> None:
        back = decode(encode(array))
        assert back.numpy().dtype == array.dtype.newbyteorder("=")
        assert back.shape == array.shape
        assert np.array_equal(back.numpy(), array)

    def test_read_only_arrays_cross(self) -> None:
        array = np.arange(3)
        array.flags.writeable = False
        assert decode(encode(array)).tolist() == [0, 1, 2]

    def test_tuples_stay_tuples(self) -> None:
        assert decode(encode((1, ("a", ()), [(2,)]))) == (1, ("a", ()), [(2,)])
        first, second = decode(encode((torch.ones(2), {"x": (torch.zeros(1),)})))
        assert (first.tolist(), second["x"][0].tolist()) == ([1, 1], [0])

    def test_decoded_tensors_are_writable_and_own_their_memory(self) -> None:
        packed = bytearray(encode([torch.zeros(3), torch.ones(3)]))
        first, second = decode(packed)
        packed[-24:] = b"\xff" * 24
        first += 5
        assert (first.tolist(), second.tolist()) == ([5, 5, 5], [1, 1, 1])

    def test_depth_is_limited_alike_on_both_sides(self) -> None:
        def nested(depth: int) -> list[Any]:
            return [nested(depth - 1)] if depth else []

        assert decode(encode(nested(32))) == nested(32)
        with pytest.raises(WireError, match=r"value(\[0\]){33} is nested deeper than 32 levels"):
            encode(nested(33))

    def test_tuples_are_as_deep_as_lists(self) -> None:
        def nested(depth: int) -> tuple[Any, ...]:
            return (nested(depth - 1),) if depth else ()

        assert decode(encode(nested(32))) == nested(32)
        with pytest.raises(WireError, match=r"value(\[0\]){33} is nested deeper than 32 levels"):
            encode(nested(33))


class TestRefused:
    @pytest.mark.parametrize(
        ("value", "sentence"),
        [
            ({"a": [1, lambda: 0]}, r"value\['a'\]\[1\] is a function; only tensors, numbers"),
            ([object()], r"value\[0\] is a object"),
            (b"bytes", "value is a bytes"),
            ({1, 2}, "value is a set"),
            (1j, "value is a complex"),
            ({"a": {2: 0}}, r"value\['a'\] has the key 2; keys must be strings"),
            ({"$tensor": "float32"}, r"value has the key '\$tensor'"),
            ([{"$tuple": [1]}], r"value\[0\] has the key '\$tuple'"),
            ([torch.eye(2).to_sparse()], r"value\[0\] is a torch.sparse_coo tensor of torch.float32; send a dense one"),
            (torch.ones(1, dtype=torch.complex64), "value is a torch.strided tensor of torch.complex64"),
            (torch.empty(2, device="meta"), "value is a torch.strided tensor"),
            ((0, np.uint16(3)), r"value\[1\] is a torch.strided tensor of torch.uint16"),
            ({"x": np.array([object()])}, r"value\['x'\] is an array of object"),
            (np.array(["text"]), "value is an array of <U4"),
            (10**5000, "value cannot be written: Exceeds the limit"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_data_is_refused_with_its_place(self, value: Any, sentence: str) -> None:
        with pytest.raises(WireError, match=sentence):
            encode(value)

    def test_a_container_that_holds_itself(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        with pytest.raises(WireError, match="nested deeper"):
            encode(loop)
