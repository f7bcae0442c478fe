"""Treatments: what each changes of the standard detector, and that it changes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark.tasks.small_objects.assignment import padded
from benchmark.tasks.small_objects.padding import track
from benchmark.tasks.small_objects.rules import PaddingSetup
from tests.benchmark.tasks.small_objects.boxes import truth

FILLS = {
    "zero": "zeros", "zero-even": "zeros", "zero-larger": "zeros", "replicate": "replicate", "symmetric": "symmetric",
    "reflect": "reflect", "circular": "circular", "partial": "partial", "distribution": "distribution", "none": "none",
    "mind-the-pad": "symmetric", "converted": "zeros",
}  # fmt: skip
SIZES = {"zero-even": [121, 161], "mind-the-pad": [121, 161], "zero-larger": [128, 168]}


def build(name: str, **fields: Any) -> Any:
    facts: dict[str, Any] = {
        "seed": 0, "track": track.name, "device_name": "cpu", "network": "small", "height": 120, "width": 160,
        "classes": 3, "mean": (0.4,) * 3, "std": (0.2,) * 3, "steps": 6, "batch_size": 2, "learning_rate": 0.01,
        "most": 20,
    }  # fmt: skip
    return track.classes[name](PaddingSetup(**(facts | fields)))


def padded_layers(model: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1)]


def test_all_treatments_are_named_here() -> None:
    assert set(FILLS) == set(track.entries)


@pytest.mark.parametrize("name", FILLS)
def test_every_convolution_has_the_treatments_fill(name: str) -> None:
    method = build(name)
    assert {layer.padding_mode for layer in padded_layers(method.model)} == {FILLS[name]}
    assert method.resolution() == SIZES.get(name, [120, 160])


def test_even_sizes_stay() -> None:
    assert build("mind-the-pad", height=65, width=129).resolution() == [65, 129]
    assert build("zero-larger", height=64, width=65).resolution() == [72, 72]


def images(size: tuple[int, int]) -> tuple[Tensor, ...]:
    found = truth(
        [(1, (8.0, 8.0, 16.0, 16.0))], [(0, (30.0, 30.0, 40.0, 40.0))], [], [(2, (1.0, 1.0, 9.0, 9.0))], size=size
    )
    pixels = torch.randint(256, found.images.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return pixels, found.boxes, found.labels, found.counts


def test_learning_starts_anew_each_time_and_is_the_same_to_the_bit() -> None:
    method = build("replicate", height=64, width=64)
    outputs = []
    for _ in range(2):
        method.learn(*images((64, 64)))
        outputs.append(method.detect(images((64, 64))[0]))
    assert all(map(torch.equal, *outputs))


def test_symmetric_is_replicate_where_padding_is_one_cell() -> None:
    found = []
    for name in ("symmetric", "replicate"):
        method = build(name, height=64, width=64)
        method.learn(*images((64, 64)))
        found.append(method.detect(images((64, 64))[0]))
    assert all(map(torch.equal, *found))


def test_converted_trains_on_zeros_and_answers_with_the_mirror() -> None:
    zero, converted = build("zero", height=64, width=64), build("converted", height=64, width=64)
    for method in (zero, converted):
        method.learn(*images((64, 64)))
    assert all(map(torch.equal, zero.model.state_dict().values(), converted.model.state_dict().values()))
    assert {layer.padding_mode for layer in padded_layers(converted.model)} == {"symmetric"}
    converted.learn(*images((64, 64)))
    assert all(map(torch.equal, zero.model.state_dict().values(), converted.model.state_dict().values()))


@pytest.mark.parametrize("name", ["zero", "none", "mind-the-pad"])
def test_what_is_said_of_the_inside_has_the_form_asked_for(name: str) -> None:
    method = build(name, height=64, width=64)
    height, width = method.resolution()
    maps = method.features(images((height, width))[0])
    assert [tuple(each.shape) for each in maps] == [(-(-height // s), -(-width // s)) for s in (2, 4, 8)]
    assert method.foveation().shape == (height, width)
    assert method.kernels().shape == (5, 3, 3)
    assert bool((method.kernels() > 0).all())


def test_foveation_is_even_at_the_even_size_alone() -> None:
    # Path counts of six 3x3 layers: left and right edges against each other.
    def sides(name: str) -> tuple[float, float]:
        paths = build(name, height=64, width=64).foveation()
        return float(paths[:, :4].mean()), float(paths[:, -4:].mean())

    left, right = sides("zero")
    assert right < 0.5 * left
    for name in ("zero-even", "mind-the-pad"):
        left, right = sides(name)
        assert right == pytest.approx(left)


def test_a_minibatch_knows_its_objects() -> None:
    _, boxes, labels, counts = images((64, 64))
    wide, named = padded(boxes, labels, counts)
    assert named.tolist() == [[1], [0], [-1], [2]]
    assert wide[3, 0].tolist() == [1, 1, 9, 9]
