"""What every method of `corruption` keeps to, and Tent, against slow and obvious forms."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.learning.models.resnet import ResNet
from benchmark.seeding import generator
from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import affine, entropy, norms
from tests.methods.test_time_shift.adapters import (
    BY_SOURCE,
    CLASSES,
    EVERY,
    SETUP,
    STEPPING,
    batch,
    begun,
    changed,
    state,
    trained,
)


def by_batch(model: ResNet, images: Tensor) -> Tensor:
    """Scores with every batch-norm replaced by the textbook's formula on the batch."""
    model = copy.deepcopy(model)

    def normalise(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        assert isinstance(layer, nn.BatchNorm2d)
        (x,) = inputs
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
        scale, shift = (each.view(1, -1, 1, 1) for each in (layer.weight, layer.bias))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(normalise)
    scores: Tensor = model(images)
    return scores


class TestEveryMethod:
    @pytest.mark.parametrize("name", EVERY)
    def test_first_answers(self, name: str) -> None:
        words = {"memo": {"learning_rate": 0.0}, "batch-norm-mixed": {"prior": 0.0}}
        expected = trained()(batch()) if name in (*BY_SOURCE, "memo") else by_batch(trained(), batch())
        method = begun(name, **words.get(name, {}))
        torch.testing.assert_close(method.adapt(batch()), expected.detach(), atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize("name", EVERY)
    def test_a_reset_forgets_everything(self, name: str) -> None:
        method = begun(name)
        method.reset()
        first = [method.adapt(batch(10, index)) for index in range(4)]
        method.reset()
        again = [method.adapt(batch(10, index)) for index in range(4)]
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))

    @pytest.mark.parametrize("name", [name for name in EVERY if name != "batch-norm-mixed"])  # which has a prior
    def test_one_image_is_normalised_by_the_source(self, name: str) -> None:
        image = batch(1)
        expected = trained()(image).detach()
        method = begun(name, learning_rate=0.0) if name == "memo" else begun(name)
        torch.testing.assert_close(method.adapt(image), expected, atol=1e-5, rtol=1e-4)
        assert method.adapt(batch(1, 3)).isfinite().all()

    def test_one_image_on_maps_of_one_pixel(self) -> None:
        """Where torch refuses to normalise by the batch."""
        method: Any = corruption.track.classes["tent"](SETUP)
        model = ResNet(
            3, (8, 8, 8, 8), CLASSES, blocks=1, mean=(0.5,) * 3, std=(0.3,) * 3, generator=generator(0)
        )  # fmt: skip
        method.use(model, model.state_dict(), batch())
        assert method.adapt(batch(1)).isfinite().all()
        assert method.adapt(batch(2)).isfinite().all()

    @pytest.mark.parametrize("name", [name for name in EVERY if name not in BY_SOURCE])
    def test_a_model_without_normalisation_is_refused(self, name: str) -> None:
        model = trained("none")
        with pytest.raises(UsageError, match="ResNet has no normalisation layer with scale and shift"):
            corruption.track.classes[name](SETUP).use(model, model.state_dict(), batch())

    @pytest.mark.parametrize("name", STEPPING)
    def test_only_scale_and_shift_change(self, name: str) -> None:
        method = begun(name)
        before = state(method)
        for index in range(5):
            method.adapt(batch(10, index))
        found = changed(method, before)
        assert found
        allowed = {
            f"{path}.{part}"
            for path, layer in method.model.named_modules()
            if isinstance(layer, nn.BatchNorm2d)
            for part in ("weight", "bias")
        }
        assert found <= allowed

    @pytest.mark.parametrize("name", [name for name in EVERY if name not in STEPPING])
    def test_others_leave_no_trace(self, name: str) -> None:
        method = begun(name)
        before = state(method)
        for index in range(3):
            method.adapt(batch(10, index))
        assert changed(method, before) == set()
        method.reset()
        assert torch.equal(method.adapt(batch()), begun(name).adapt(batch()))


class TestTent:
    def test_the_first_step_is_adam_s_on_the_mean_entropy(self) -> None:
        method, model = begun("tent"), trained()
        before = [parameter.detach().clone() for parameter in affine(norms(model))]
        scores = by_batch(model, batch())
        copied = copy.deepcopy(model)
        method.adapt(batch())
        parameters = affine(norms(copied))
        share = by_batch_with(copied, parameters, batch()).softmax(1)
        slopes = torch.autograd.grad(-(share * share.log()).sum(1).mean(), parameters)
        for old, slope, new in zip(before, slopes, method.parameters, strict=True):
            step = (new - old).detach()
            clear = slope.abs() > 1e-4
            torch.testing.assert_close(step[clear], -1e-3 * slope[clear].sign(), rtol=2e-2, atol=1e-6)
        assert scores.shape == (10, CLASSES)

    def test_repeating_a_batch_lowers_its_entropy(self) -> None:
        method = begun("tent-fast")
        values = [float(entropy(method.adapt(batch(50))).mean()) for _ in range(20)]
        assert values[-1] < values[0] - 0.05
        assert begun("tent-fast").learning_rate > begun("tent").learning_rate

    def test_group_norm_is_adapted_too(self) -> None:
        model = trained("group")
        method: Any = corruption.track.classes["tent"](SETUP)
        method.use(model, model.state_dict(), batch())
        images = batch(3)
        first = method.adapt(images)
        torch.testing.assert_close(first, trained("group")(images).detach(), atol=1e-5, rtol=1e-4)
        assert not torch.equal(method.adapt(images), first)


def by_batch_with(model: ResNet, parameters: list[nn.Parameter], images: Tensor) -> Tensor:
    for parameter in parameters:
        parameter.requires_grad_()
    model.train()
    scores: Tensor = model(images)
    return scores
