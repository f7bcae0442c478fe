"""The hot path of distribution_shift: steps of SGD and SAM, inference of groups, attacks, at the tiers' shapes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import attacks, grouping, label_noise
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup
from benchmark.throughput import plugged

MLP = ShiftSetup(
    seed=0, track="distribution_shift.label_noise", device_name="cpu", network="mlp", image_shape=(1, 28, 28),
    classes=10, mean=(0.13,), std=(0.31,), epochs=40, batch_size=128, learning_rate=0.05, weight_decay=5e-4,
    decay="cosine",
)  # fmt: skip
SETUPS = {
    "mlp": MLP,
    "batchnorm": replace(MLP, network="batchnorm", image_shape=(3, 14, 14), mean=(0.1,) * 3, std=(0.3,) * 3),
}
CONVNET = replace(MLP, network="convnet", image_shape=(1, 14, 14))


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """Contestants have one thread each."""
    torch.set_num_threads(1)


def _data(setup: ShiftSetup, count: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = generator(0, "throughput", count)
    images = torch.rand(count, *setup.image_shape, generator=rng)
    return images, torch.randint(setup.classes, (count,), generator=rng), torch.arange(count)


def _begun(method: Any, setup: ShiftSetup) -> Any:
    images, labels, _ = _data(setup, setup.batch_size)
    method.begin(images, labels)
    method.model.train()
    return method


@pytest.mark.benchmark(group="step: SGD, SAM")
@pytest.mark.parametrize("network", SETUPS)
@pytest.mark.parametrize("form", ["sgd", "sam", "sam, parts of 32"])
def test_step(benchmark: BenchmarkFixture, form: str, network: str) -> None:
    """One minibatch of 128; SAM's step holds two gradients, and should cost little more than two steps of SGD."""
    setup = SETUPS[network]
    sam = plugged.method(label_noise.track.name, "sam")
    forms: dict[str, Callable[[], Any]] = {
        "sgd": lambda: ShiftLearner(setup),
        "sam": lambda: sam(setup),
        "sam, parts of 32": lambda: sam(setup, sharpness_examples=32),
    }
    batch = _data(setup, setup.batch_size)
    plain, flat = _begun(ShiftLearner(setup), setup), _begun(sam(setup, rho=0.0), setup)
    for method in (plain, flat):
        method.update(*batch)
    assert all(map(torch.equal, plain.model.parameters(), flat.model.parameters()))  # radius 0 is the base optimiser

    method = _begun(forms[form](), setup)
    benchmark(lambda: method.update(*batch))
    benchmark.extra_info["gradients_per_step"] = 1 if form == "sgd" else 2
    assert all(bool(parameter.isfinite().all()) for parameter in method.model.parameters())


@pytest.mark.benchmark(group="step: SAM, each after one of SGD")
@pytest.mark.parametrize("network", SETUPS)
def test_sam_against_sgd(benchmark: BenchmarkFixture, network: str) -> None:
    """Steps of both in turn, so that whatever else the machine does slows both; extra_info has the ratio of medians."""
    setup = SETUPS[network]
    plain, sharp = (
        _begun(ShiftLearner(setup), setup),
        _begun(plugged.method(label_noise.track.name, "sam")(setup), setup),
    )
    batch = _data(setup, setup.batch_size)
    seconds: list[float] = []

    def step_of_sgd() -> tuple[tuple[Tensor, ...], dict[str, Any]]:
        start = time.perf_counter()
        plain.update(*batch)
        seconds.append(time.perf_counter() - start)
        return batch, {}

    rounds = 2 if benchmark.disabled else 600
    benchmark.pedantic(sharp.update, setup=step_of_sgd, rounds=rounds)  # type: ignore[no-untyped-call]
    if benchmark.stats:  # not where timing is off
        ratio = benchmark.stats.stats.median / statistics.median(seconds)
        benchmark.extra_info["times_the_step_of_SGD"] = round(ratio, 3)
    assert not all(map(torch.equal, plain.model.parameters(), sharp.model.parameters()))


@pytest.mark.benchmark(group="attacks")
@pytest.mark.parametrize("form", ["fgsm", "pgd, 10 steps, 2 restarts"])
def test_attack(benchmark: BenchmarkFixture, form: str) -> None:
    """300 images of the quick tier."""
    model = CONVNET.model().eval()
    images, _, _ = _data(CONVNET, 300)

    def pgd() -> Tensor:
        return attacks.pgd(model, images, 0.05, steps=10, restarts=2, generator=generator(0, "attack"))

    moved = benchmark(pgd if form.startswith("pgd") else lambda: attacks.fgsm(model, images, 0.05))
    assert float((moved - images).abs().max()) <= 0.05 + 1e-6
    benchmark.extra_info["images"] = len(images)


@pytest.mark.benchmark(group="pgi: infer groups")
@pytest.mark.parametrize("form", ["class by class", "all classes at once"])
def test_inference(benchmark: BenchmarkFixture, form: str) -> None:
    """10 iterations on 9 classes of 450 images; each class by itself draws its own networks, so groups may differ."""
    rng = generator(0, "inference")
    labels = torch.arange(9).repeat(450)
    features, scores = torch.rand(4050, 64, generator=rng), torch.randn(4050, 9, generator=rng)

    def split(rows: Tensor) -> Tensor:
        return grouping.infer_groups(
            features[rows], scores[rows], labels[rows], generator=generator(0, "partition"), iterations=10
        )

    classes = [(labels == label).nonzero().squeeze(1) for label in range(9)]
    whole = torch.arange(len(labels))
    groups = benchmark(
        lambda: split(whole) if form == "all classes at once" else torch.cat([split(c) for c in classes])
    )
    assert groups.shape == labels.shape
    assert 0 < int(groups.sum()) < len(labels)
