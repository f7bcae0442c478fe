"""Where padding is uneven: against the formula, and in networks that everyone knows."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.borders.spans import LayerPadding, even_sizes, spans
from benchmark.tasks.small_objects.borders.tracing import body

RESNET18 = {
    "conv1": (7, 2, 3, 224),
    "maxpool": (3, 2, 1, 112),
    "layer2.0.conv1": (3, 2, 1, 56),
    "layer3.0.conv1": (3, 2, 1, 28),
    "layer4.0.conv1": (3, 2, 1, 14),
}
MOBILENET_V2 = {
    "features.0.0": (3, 2, 1, 224),
    "features.2.conv.1.0": (3, 2, 1, 112),
    "features.4.conv.1.0": (3, 2, 1, 56),
    "features.7.conv.1.0": (3, 2, 1, 28),
    "features.14.conv.1.0": (3, 2, 1, 14),
}
"""Layers that pad unevenly at 224: kernel, stride, padding, size of the map that comes in."""


def uneven(layers: list[LayerPadding]) -> dict[str, LayerPadding]:
    return {each.name: each for each in layers if any(each.uneven)}


@pytest.mark.parametrize(("name", "expected"), [("resnet18", RESNET18), ("mobilenet_v2", MOBILENET_V2)])
def test_224_is_uneven_and_225_is_not(name: str, expected: dict[str, tuple[int, int, int, int]]) -> None:
    model = torchvision.models.get_model(name, weights=None)
    found = uneven(spans(model, 224))
    assert list(found) == list(expected)
    for layer, (kernel, stride, padding, size) in expected.items():
        assert found[layer].kernel == (kernel, kernel)
        assert found[layer].stride == (stride, stride)
        assert found[layer].sides == (padding,) * 4
        assert found[layer].size == (size, size)
        assert found[layer].unread == (1, 1)
    assert uneven(spans(model, 225)) == {}
    assert not any(any(each.unread) for each in spans(model, 225))
    assert [each.uneven for each in uneven(spans(model, (224, 225))).values()] == [(True, False)] * 5
    assert even_sizes(model, near=224) == ([225, 193, 257], [225, 193, 257])
    assert even_sizes(model, near=(64, 97), count=1) == ([65], [97])
    assert even_sizes(model, near=209, reach=15) == ([], [])


def test_resnet_at_224_lists_what_has_no_padding_too() -> None:
    cuts = [each.name for each in spans(torchvision.models.resnet18(weights=None), 224) if each.cuts]
    assert cuts == [f"layer{index}.0.downsample.0" for index in (2, 3, 4)]


@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_unread_lines_are_those_without_gradient(kernel: int, stride: int) -> None:
    """The definition itself: which lines of the padded map does no output depend on?"""
    for size in range(8, 14):
        for padding, dilation in [(0, 1), (1, 1), (3, 1), (2, 2)]:
            if dilation * (kernel - 1) + 1 > size:
                continue
            layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation, bias=False, dtype=torch.float64)
            nn.init.ones_(layer.weight)
            padded = torch.ones(1, 1, size + 2 * padding, size + 2 * padding, dtype=torch.float64, requires_grad=True)
            nn.functional.conv2d(padded, layer.weight, None, stride, 0, dilation).sum().backward()
            assert padded.grad is not None
            read = padded.grad[0, 0].sum(1) > 0
            expected = int(read.flip(0).int().argmax())
            if stride > dilation * (kernel - 1) + 1 or dilation > 1:
                expected = (size + 2 * padding - dilation * (kernel - 1) - 1) % stride
            listed = spans(nn.Sequential(layer), size)
            assert [each.unread for each in listed] == ([(expected, expected)] if padding or expected else [])
            repad(layer, "replicate")
            assert spans(nn.Sequential(layer), size) == listed


def test_pooling_and_padding_layers() -> None:
    layers = [nn.Conv2d(1, 2, 1), nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2)]
    found = spans(nn.Sequential(*layers), 7)
    assert [(each.name, each.kind, each.size, each.unread) for each in found] == [
        ("1", "padding", (7, 7), (0, 0)),
        ("2", "max pooling", (8, 8), (-1, -1)),
    ]
    assert [each.uneven for each in found] == [(True, True)] * 2
    assert [each.cuts for each in spans(nn.Sequential(*layers), 5)] == [False, False, True]


class Awkward(nn.Module):
    """Looks at numbers, which a run without any cannot, and has a dense head of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(1, 2, 3, 2, 1), nn.Linear(2 * 16 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x) if x.sum().item() >= 0 else x
        out: Tensor = self.head(x.flatten(1))
        return out


def test_models_that_need_numbers_or_one_size() -> None:
    for size in (32, 40):
        assert [each.unread for each in spans(Awkward(), size)] == [(1, 1)]
    assert even_sizes(Awkward(), near=40, count=2) == ([41, 39], [41, 39])


def test_what_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"too small: 1 spans 5x5 cells and is given a map of 3x3; try a larger size"):
        spans(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 5)), 3)
    with pytest.raises(UsageError, match=r"Linear has no nn\.Conv2d"):
        spans(nn.Linear(2, 2), 8)
    with pytest.raises(UsageError, match="images of 0x8 have no pixel"):
        spans(nn.Conv2d(1, 1, 1), (0, 8))
    with pytest.raises(UsageError, match=r"Sequential cannot take images of 8x8 \(.*\); try a larger size"):
        spans(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(3, 1, 1)), 8)


def test_a_detector_is_looked_at_without_the_part_that_resizes() -> None:
    detector = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    assert body(detector) is detector.backbone
    assert even_sizes(body(detector), near=320) == ([513], [513])  # 9 strides of 2, down to 2x2 cells
    assert even_sizes(body(detector), near=320, reach=100) == ([], [])
    classifier = torchvision.models.mobilenet_v2(weights=None)
    assert body(classifier) is classifier
