"""Every fill against numpy's padding and a convolution without, at every shape of layer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.errors import UnknownNameError, UsageError
from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.borders.filling import COPIES, FILLS, pad
from benchmark.tasks.small_objects.borders.geometry import sides_of

NUMPY = {"zero": "constant", "replicate": "edge", "reflect": "reflect", "symmetric": "symmetric", "circular": "wrap"}
LAYERS = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 3, "padding": 1, "stride": 2, "groups": 4},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
    {"kernel_size": 3, "padding": 2, "dilation": 2, "stride": 2, "groups": 2},
    {"kernel_size": 5, "padding": 2, "stride": 2},
    {"kernel_size": 5, "padding": 4, "dilation": 2, "bias": False},
    {"kernel_size": 7, "padding": 3, "stride": 2},
    {"kernel_size": 7, "padding": 3},
    {"kernel_size": (3, 5), "padding": (1, 2), "stride": (2, 1)},
    {"kernel_size": (1, 3), "padding": (0, 1)},
    {"kernel_size": 3, "padding": 3},
    {"kernel_size": 2, "padding": 1, "stride": 2},
    {"kernel_size": 1, "padding": 1},
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": (4, 3), "padding": "same", "dilation": (1, 2)},
    {"kernel_size": 3, "padding": "valid"},
]
SIZES = [(8, 8), (9, 9), (7, 12), (5, 6)]
WIDE_KERNEL = 9
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


def numpy_pad(x: Tensor, layer: nn.Conv2d, fill: str) -> Tensor:
    left, right, top, bottom = sides_of(layer)
    if fill == "distribution":
        big = F.interpolate(x, size=(x.shape[2] + top + bottom, x.shape[3] + left + right), mode="bilinear")
        big[..., top : top + x.shape[2], left : left + x.shape[3]] = x
        return big
    if fill == "none":
        return x
    return torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (top, bottom), (left, right)), mode=NUMPY[fill]))


def plain(x: Tensor, layer: nn.Conv2d, fill: str) -> Tensor:
    """Pad, then convolve; the partial convolution cell by cell."""
    if fill != "partial":
        padded = numpy_pad(x, layer, fill)
        return F.conv2d(padded, layer.weight, layer.bias, layer.stride, 0, layer.dilation, layer.groups)
    padded, there = (numpy_pad(each, layer, "zero") for each in (x, torch.ones_like(x[:1, :1])))
    response = F.conv2d(padded, layer.weight, None, layer.stride, 0, layer.dilation, layer.groups)
    (k, j), (s, t), (d, e) = layer.kernel_size, layer.stride, layer.dilation
    for row, column in itertools.product(*map(range, response.shape[2:])):
        valid = sum(
            float(there[0, 0, row * s + u * d, column * t + v * e]) for u, v in itertools.product(range(k), range(j))
        )
        response[:, :, row, column] *= k * j / valid if valid else 0.0
    return response if layer.bias is None else response + layer.bias[:, None, None]


def layer_of(index: int, dtype: torch.dtype = torch.float64) -> nn.Conv2d:
    torch.manual_seed(index)
    return nn.Conv2d(4, 8, **LAYERS[index]).to(dtype)  # type: ignore[arg-type]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("index", range(len(LAYERS)), ids=[str(list(each.values())) for each in LAYERS])
def test_responses_and_gradients(index: int, fill: str) -> None:
    layer = layer_of(index)
    for height, width in [(WIDE_KERNEL + h, WIDE_KERNEL + w) for h, w in SIZES] if fill == "none" else SIZES:
        x = torch.rand(2, 4, height, width, dtype=torch.float64)
        with torch.no_grad():
            expected = plain(x, layer, fill)
        for form in (torch.contiguous_format, torch.channels_last):
            found = repad(layer, fill)(x.contiguous(memory_format=form))
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("index", [1, 2, 4, 5, 9, 11, 15])
def test_gradients(index: int, fill: str) -> None:
    layer = repad(layer_of(index), fill)
    x = torch.rand(1, 4, 5, 6, dtype=torch.float64, requires_grad=True)

    def response(x: Tensor, *weights: Tensor) -> Tensor:
        named = dict(zip(dict(layer.named_parameters()), weights, strict=True))
        out: Tensor = torch.func.functional_call(layer, named, x)
        return out

    assert torch.autograd.gradcheck(response, (x, *layer.parameters()), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fill", FILLS)
def test_precisions(fill: str, dtype: torch.dtype) -> None:
    """A few roundings of the largest response: taps sum in float32 at least, the partial convolution rounds again.

    Inputs are below 1, so a response is at most the sum of |w|; the factor of a partial one at most the taps' number.
    """
    for index in range(len(LAYERS)):
        layer, x = repad(layer_of(index).to(dtype), fill), torch.rand(2, 4, 10, 9).to(dtype)
        with torch.no_grad():
            found, exact = layer(x), layer.double()(x.double())
            size = layer.weight.abs().sum((1, 2, 3)).max() * layer.weight[0, 0].numel()
        assert (found.dtype, exact.dtype) == (dtype, torch.float64)
        assert float((found - exact).abs().max()) <= 4 * torch.finfo(dtype).eps * float(1 + size)


@pytest.mark.parametrize("fill", COPIES)
def test_padding_as_wide_as_the_map_and_wider(fill: str) -> None:
    x = torch.arange(12.0, dtype=torch.float64).reshape(1, 1, 3, 4)
    most = 2 if fill == "reflect" else 3
    expected = np.pad(x.numpy(), ((0, 0), (0, 0), (most, most), (0, most)), mode=NUMPY[fill])  # type: ignore[call-overload]
    assert np.array_equal(pad(x, (0, most, most, most), fill), expected)
    if fill == "replicate":
        assert pad(x, (9, 9, 9, 9), fill).shape == (1, 1, 21, 22)
        return
    with pytest.raises(UsageError, match=f"{fill} padding of {most + 1} cells needs a map of at least 4 cells"):
        pad(x, (0, 0, most + 1, 0), fill)


def test_a_map_that_is_too_small_for_the_kernel() -> None:
    with pytest.raises(UsageError, match=r"a kernel that spans 3x5 cells finds only 4x4 .* use a larger input"):
        repad(nn.Conv2d(1, 1, (3, 5), padding=(1, 2)), "none")(torch.zeros(1, 1, 4, 4))
    repad(nn.Conv2d(1, 1, (3, 5), padding=(1, 2)), "reflect")(torch.zeros(1, 1, 3, 3))


def test_an_unknown_fill() -> None:
    with pytest.raises(UnknownNameError, match="no fill 'mirror'; known: circular, distribution"):
        pad(torch.zeros(1, 1, 2, 2), (1, 1, 1, 1), "mirror")
    with pytest.raises(UnknownNameError, match="did you mean 'replicate'"):
        repad(nn.Conv2d(1, 1, 3), "replicat")
