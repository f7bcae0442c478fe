"""The switch: what it changes, what it leaves, and that a model goes on living with it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.borders.convolution import RepaddingWarning, conv2d, repad
from benchmark.tasks.small_objects.borders.filling import FILLS
from benchmark.tasks.small_objects.borders.geometry import fill_of, geometry_of


def small() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8),
    ]
    return nn.Sequential(*layers, nn.Conv2d(8, 4, 1))


def fills(model: nn.Module) -> list[str]:
    return [fill_of(each) for each in model.modules() if isinstance(each, nn.Conv2d)]


IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("fill", FILLS)
def test_it_comes_and_goes(fill: str) -> None:
    model = small().eval()
    before, keys = model(IMAGES), list(model.state_dict())
    parameters = list(model.parameters())
    assert repad(model, fill) is model
    assert fills(model) == [fill, fill, "zero"]
    assert list(model.state_dict()) == keys
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    first = model(IMAGES)
    assert torch.equal(repad(model, fill)(IMAGES), first)
    assert torch.equal(first, before) == (fill == "zero")
    assert torch.equal(repad(repad(model, "symmetric"), "zero")(IMAGES), before)
    assert "_conv_forward" not in model[0].__dict__


@pytest.mark.parametrize("fill", FILLS)
def test_copies_and_pickles_are_models_of_their_own(fill: str) -> None:
    model = repad(small(), fill).eval()
    expected = model(IMAGES)
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert fills(made) == fills(model)
        assert torch.equal(made(IMAGES), expected)
        with torch.no_grad():
            made[0].weight.zero_()
        made[0].stride = (1, 1)
        assert not torch.equal(made(IMAGES), expected)
        assert torch.equal(model(IMAGES), expected)
        assert not torch.equal(repad(made, "zero")(IMAGES), expected)
        assert fills(model)[0] == fill


def test_a_checkpoint_loads_before_and_after_and_the_optimiser_goes_on() -> None:
    saved, model = small().state_dict(), small()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    calls: list[str] = []
    model[0].register_forward_hook(lambda *_: calls.append("hook"))
    model.train()
    repad(model, "symmetric").load_state_dict(saved)
    assert model.training
    before = model[0].weight.clone()
    model(IMAGES).square().mean().backward()
    optimizer.step()
    assert calls == ["hook"]
    assert not torch.equal(model[0].weight, before)


def test_padding_modes_that_a_layer_came_with() -> None:
    layer = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")
    assert fill_of(layer) == "circular"
    native = layer(IMAGES)
    torch.testing.assert_close(repad(layer, "circular")(IMAGES), native)
    plain = nn.functional.conv2d(IMAGES, layer.weight, layer.bias, padding=1)
    assert torch.equal(repad(layer, "zero")(IMAGES), plain)


def test_parametrised_weights_lazy_layers_and_subclasses() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3, padding=1))
    expected = repad(nn.Conv2d(3, 4, 3, padding=1), "reflect")
    with torch.no_grad():
        expected.weight.copy_(layer.weight)
        expected.bias.copy_(layer.bias)
    torch.testing.assert_close(repad(layer, "reflect")(IMAGES), expected(IMAGES))

    lazy = repad(nn.LazyConv2d(4, 3, padding=1), "reflect")
    lazy(IMAGES)
    assert (type(lazy), fill_of(lazy)) == (nn.Conv2d, "reflect")
    torch.testing.assert_close(lazy(IMAGES[0]), lazy(IMAGES)[0])  # one image without a batch

    class Standardised(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)

    made = repad(Standardised(3, 4, 3, padding=1), "symmetric")
    geometry = geometry_of(made)
    shifted = conv2d(IMAGES, made.weight - made.weight.mean(), made.bias, geometry, "symmetric")
    assert torch.equal(made(IMAGES), shifted)

    class Own(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, self.weight, self.bias, padding=1)

    with pytest.raises(UsageError, match=r"1 is a Own that convolves in its own way.*super\(\)\.forward"):
        repad(nn.Sequential(nn.ReLU(), Own(3, 4, 3, padding=1)), "reflect")


def test_what_it_leaves_alone_is_said() -> None:
    model = nn.Sequential(
        small(), nn.ConvTranspose2d(4, 4, 3, 2, 1), nn.Conv1d(4, 4, 3, padding=1), nn.MaxPool2d(3, 2, 1)
    )
    with pytest.warns(RepaddingWarning, match=r"leaves alone: 1 \(ConvTranspose2d: .* crops .*\), 2 \(Conv1d: .*\)$"):
        repad(model, "reflect")
    with pytest.raises(UsageError, match=r"Sequential has no nn.Conv2d .*; it has 0"):
        repad(nn.Sequential(nn.ConvTranspose2d(4, 4, 3, 2, 1)), "reflect")
    with pytest.raises(UsageError, match=r"Linear has no nn\.Conv2d whose padding could be filled$"):
        repad(nn.Linear(2, 2), "reflect")


@pytest.mark.parametrize("fill", ["symmetric", "partial", "distribution"])
def test_other_ways_to_run(fill: str) -> None:
    """Transforms, autocast, inference mode before training, second derivatives: the answers of plain operations."""
    model = repad(small(), fill).eval()
    with torch.inference_mode():
        expected = model(IMAGES).clone()
    torch.testing.assert_close(torch.func.vmap(lambda x: model(x[None])[0])(IMAGES), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(IMAGES).dtype == torch.bfloat16
    model = model.double()
    x = IMAGES[:1, :, :6, :6].double().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: model[3](model[0](x)), (x,), fast_mode=True)
    parameters = {name: each.detach() for name, each in model.named_parameters()}

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        out: Tensor = torch.func.functional_call(model, parameters, x)
        return out.square().sum()

    gradients = torch.func.grad(loss)(parameters)
    loss(dict(model.named_parameters())).backward()
    for name, each in model.named_parameters():
        torch.testing.assert_close(gradients[name], each.grad)


MODELS: dict[str, Callable[..., nn.Module]] = {
    "resnet18": torchvision.models.resnet18,
    "mobilenet_v2": torchvision.models.mobilenet_v2,
    "vgg11": lambda **_: torchvision.models.vgg11(weights=None).features,
    "ssdlite320_mobilenet_v3_large": torchvision.models.detection.ssdlite320_mobilenet_v3_large,
    "fcos_resnet50_fpn": torchvision.models.detection.fcos_resnet50_fpn,
    "retinanet_resnet50_fpn": torchvision.models.detection.retinanet_resnet50_fpn,
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_torchvision(name: str) -> None:
    """Steps of training on the meta device or small images, and a state dict that is the same."""
    detector = "ssd" in name or "_fpn" in name
    more: dict[str, Any] = {"weights_backbone": None, "num_classes": 3} if detector else {}
    model = MODELS[name](weights=None, **more)
    keys = list(model.state_dict())
    repad(model, "symmetric")
    padded = [each for each in model.modules() if isinstance(each, nn.Conv2d) and max(each.kernel_size) > 1]
    assert {fill_of(each) for each in padded} == {"symmetric"}
    assert list(model.state_dict()) == keys
    if detector:
        model.transform.min_size, model.transform.max_size = (64,), 64
        model.transform.fixed_size = None
        target = {"boxes": torch.tensor([[4.0, 4.0, 20.0, 20.0]]), "labels": torch.tensor([1])}
        loss = sum(model([torch.rand(3, 64, 64)] * 2, [target] * 2).values())
    else:
        loss = model(torch.rand(2, 3, 32, 32)).square().sum()
    loss.backward()
    assert all(each.weight.grad is not None and bool(each.weight.grad.isfinite().all()) for each in padded)
