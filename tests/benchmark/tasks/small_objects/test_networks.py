"""The standard detectors: geometry under every fill and at both sizes, losses that fall, torchvision's as given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from benchmark.errors import DataError, UsageError
from benchmark.tasks.small_objects.assignment import padded
from benchmark.tasks.small_objects.borders.convolution import repad
from benchmark.tasks.small_objects.borders.filling import FILLS
from benchmark.tasks.small_objects.large import NAMES, TorchvisionDetector
from benchmark.tasks.small_objects.network import Network
from benchmark.tasks.small_objects.pyramid import PyramidDetector
from benchmark.tasks.small_objects.rules import PaddingSetup
from tests.benchmark.tasks.small_objects.boxes import truth

SETUP = PaddingSetup(
    seed=0, track="small_objects.padding", device_name="cpu", network="small", height=64, width=64, classes=3,
    mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2), steps=8, batch_size=4, learning_rate=0.01, most=20,
)  # fmt: skip


def pixels(count: int, *size: int) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", ["small", "residual"])
@pytest.mark.parametrize("fill", FILLS)
def test_maps_have_one_size_whatever_the_fill(network: str, fill: str) -> None:
    model = replace(SETUP, network=network).model()
    assert isinstance(model, PyramidDetector)
    repad(model, fill)
    with torch.no_grad():
        for height, width in ((64, 64), (65, 65), (72, 97)):
            maps = model.eval().maps(pixels(1, height, width))
            assert [tuple(each.shape) for each in maps] == [
                (1, 7, -(-height // stride), -(-width // stride)) for stride in (4, 8)
            ]
            sizes = [tuple(level.shape[2:]) for level in model.levels(pixels(1, height, width))]
            assert sizes == [(-(-height // stride), -(-width // stride)) for stride in (2, 4, 8)]


@pytest.mark.parametrize("network", ["small", "residual"])
@pytest.mark.parametrize("size", [64, 65])
def test_far_from_the_border_no_padding_is_as_good_as_any(network: str, size: int) -> None:
    # Where no convolution reaches the border, cells do not know what fills it: "none" cuts maps in the right place.
    model = replace(SETUP, network=network).model().eval()
    assert isinstance(model, PyramidDetector)
    images = pixels(1, 4 * size, 4 * size).double()
    model.double()
    with torch.no_grad():
        zeros, levels = model.maps(images), model.levels(images)
        repad(model, "none")
        for ours, theirs in zip(model.maps(images) + model.levels(images), zeros + levels, strict=True):
            middle = tuple(slice(3 * side // 8, 5 * side // 8) for side in ours.shape[2:])
            assert torch.allclose(ours[..., middle[0], middle[1]], theirs[..., middle[0], middle[1]])
            assert not torch.allclose(ours, theirs)


def test_the_coarse_level_is_laid_on_the_fine_one_where_its_cells_lie() -> None:
    model = SETUP.model().eval()
    assert isinstance(model, PyramidDetector)
    seen: list[Tensor] = []
    model.tower.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    nn.init.zeros_(model.of_fine.weight)
    nn.init.zeros_(model.of_fine.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        model.maps(pixels(1, 65, 65))
    fine, coarse = seen
    # Cell (2 i, 2 j) of the one is cell (i, j) of the other, and between two of them is their mean.
    torch.testing.assert_close(fine[..., ::2, ::2], coarse)
    torch.testing.assert_close(fine[..., 1::2, ::2], (coarse[..., :-1, :] + coarse[..., 1:, :]) / 2)


@pytest.mark.parametrize("network", ["small", "residual"])
@pytest.mark.parametrize("fill", FILLS)
def test_left_and_right_are_alike_at_the_even_size_alone(network: str, fill: str) -> None:
    model = replace(SETUP, network=network).model().double().eval()
    assert isinstance(model, PyramidDetector)
    repad(model, fill)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight += layer.weight.flip(3)  # kernels that are their own mirror images
        for size, alike in ((65, True), (64, False)):
            images = pixels(1, size, size).double()
            for straight, mirrored in zip(model.maps(images), model.maps(images.flip(3)), strict=True):
                assert torch.allclose(straight, mirrored.flip(3)) == alike


def example(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two images with a square each, in a colour of its own; boxes and labels."""
    images = truth([(1, (20.0, 24.0, 50.0, 54.0))], [(2, (8.0, 8.0, 36.0, 38.0))], size=(size, size))
    view = pixels(2, size, size)
    for index in range(2):
        x1, y1, x2, y2 = images.of(index)[0][0].int().tolist()
        view[index, index, y1:y2, x1:x2] = 1
    return view, *padded(images.boxes, images.labels, images.counts)


def check_found(model: Network, view: Tensor) -> None:
    for most in (20, 3):
        for box, label, score in model.eval().found(view, most):
            assert len(box) == len(label) == len(score) <= most
            assert bool(((label >= 0) & (label < 3)).all())
            assert bool((score.diff() <= 0).all())
            assert bool(((box >= 0) & (box <= view.shape[2])).all())


def test_a_detector_finds_what_it_learned() -> None:
    model = SETUP.model()
    view, boxes, labels = example(64)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        model.train().loss(view, boxes, labels).backward()
        optimizer.step()
    check_found(model, view)
    for index, (box, label, _) in enumerate(model.train().found(view, 1)):  # with the statistics of these images
        assert int(label) == int(labels[index, 0])
        assert float(box_iou(box, boxes[index])) > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_torchvisions_detectors_learn_all_their_weights(name: str) -> None:
    model = replace(SETUP, network=name).model()
    view, boxes, labels = example(64)
    model.train().loss(view, boxes, labels).backward()
    assert {parameter.grad is not None for parameter in model.parameters()} == {True}
    check_found(model, view)


def test_images_without_objects_train_too() -> None:
    model = SETUP.model().train()
    loss = model.loss(pixels(2, 64, 64), torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64))
    loss.backward()
    assert bool(loss.isfinite())


def test_the_same_seed_gives_the_same_weights_and_the_fill_does_not_change_them() -> None:
    def weights(model: nn.Module) -> list[Tensor]:
        return list(model.state_dict().values())

    for name in ("small", "ssdlite320_mobilenet_v3_large"):
        setup = replace(SETUP, network=name)
        first, second, other = setup.model(), repad(setup.model(), "symmetric"), replace(setup, seed=1).model()
        assert all(map(torch.equal, weights(first), weights(second)))
        assert not all(map(torch.equal, weights(first), weights(other)))


def fcos() -> TorchvisionDetector:
    found = replace(SETUP, network="fcos_resnet50_fpn").model()
    assert isinstance(found, TorchvisionDetector)
    return found


def test_torchvisions_detectors_see_images_at_their_size() -> None:
    detector = fcos().eval()
    with torch.no_grad():
        sizes = [tuple(level.shape[2:]) for level in detector.levels(pixels(1, 65, 97))]
    assert sizes[:3] == [(9, 13), (5, 7), (3, 4)]  # 97 and not 128 wide, as multiples of 32 would make it


@pytest.mark.parametrize(("size", "cells"), [(65, 9), (64, 8)])
def test_anchors_of_torchvisions_detectors_lie_at_multiples_of_the_stride(size: int, cells: int) -> None:
    from torchvision.models.detection.image_list import ImageList

    detector: Any = fcos().model
    maps = [torch.zeros(1, 1, cells >> level or 1, cells >> level or 1) for level in range(5)]
    anchors = detector.anchor_generator(ImageList(torch.zeros(1, 3, size, size), [(size, size)]), maps)[0]
    first_row = (anchors[:cells, 0] + anchors[:cells, 2]) / 2
    assert first_row.diff().unique().tolist() == [8]


def test_weights_of_the_users_own_are_taken_and_others_refused(tmp_path: Path) -> None:
    def build(weights: str) -> Network:
        return replace(SETUP, network="ssdlite320_mobilenet_v3_large", weights=weights, seed=1).model()

    donor = replace(SETUP, network="ssdlite320_mobilenet_v3_large").model()
    assert isinstance(donor, TorchvisionDetector)
    file = tmp_path / "weights.pth"
    torch.save(donor.model.state_dict(), file)
    for ours, theirs in zip(build(str(file)).state_dict().values(), donor.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    refused: dict[str, Callable[[], object]] = {
        "no weight in": lambda: torch.save({"nothing": torch.zeros(1)}, file),
        "cannot read weights": lambda: file.write_bytes(b"no weights"),
    }
    for complaint, write in refused.items():
        write()
        with pytest.raises(DataError, match=complaint):
            build(str(file))


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(UsageError, match="no network 'large'"):
        replace(SETUP, network="large").model()
