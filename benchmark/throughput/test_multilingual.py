"""Gradients of several tasks through one network: how they come apart, and what is made of them.

A step is drawing the batch, the gradients and their combination, without the optimiser's part. Apart they come by one
backward pass through a stack that repeats the weights (what methods do), by a backward pass for each task, or by
torch.func's vmap over grad. Sizes are the quick tier's, with as many languages as tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.tasks.forgetting.translation.interface import MultilingualSetup
from benchmark.tasks.forgetting.translation.learner import Batch, PerTaskLearner, per_task
from benchmark.tasks.forgetting.translation.network import BEGIN, END, PAD
from benchmark.throughput import plugged

TRACK = "forgetting.multilingual"
SENTENCES, WORDS, LENGTH = 100, 9, 16


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As jobs run, side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # torch.func's attention on a CPU
@pytest.mark.benchmark(group="multilingual: a step's gradient by the number of tasks")
@pytest.mark.parametrize("tasks", [4, 8, 16])
@pytest.mark.parametrize(
    "form",
    ["sum", "apart", "apart, a backward each", "apart, torch.func", "pcgrad", "gradvac", "gradvac-model", "cagrad"],
)
def test_step(benchmark: BenchmarkFixture, tasks: int, form: str) -> None:
    """`apart` is the plain one: the mean of the tasks' gradients."""
    method = begun("pcgrad" if form.startswith("apart") else form, tasks)
    ways: dict[str, Callable[[], Tensor]] = {
        "apart": lambda: per_task(method.network, method.weights, method.batch())[0].mean(0),
        "apart, a backward each": lambda: one_by_one(method, method.batch()).mean(0),
        "apart, torch.func": lambda: by_func(method, method.batch()).mean(0),
    }
    step = ways.get(form, method.gradient)
    rounds = 2 if benchmark.disabled else 40
    found = benchmark.pedantic(step, rounds=rounds, warmup_rounds=2)  # type: ignore[no-untyped-call]
    assert found.isfinite().all()


def begun(name: str, tasks: int) -> PerTaskLearner:
    """A method with sentences of random words."""
    setup = MultilingualSetup(
        seed=0, track=TRACK, device_name="cpu", languages=tasks, vocabulary=600, length=LENGTH, width=64, heads=4,
        layers=1, steps=100, batch_size=4, learning_rate=1e-3,
    )  # fmt: skip
    rng = setup.generator("words")
    words = torch.randint(4, 600, (tasks, SENTENCES, WORDS), generator=rng)
    framed = torch.cat([torch.full_like(words[..., :1], BEGIN), words, torch.full_like(words[..., :1], END)], 2)
    method: PerTaskLearner = plugged.method(TRACK, name)(setup)
    method.begin(
        *([*torch.nn.functional.pad(each, (0, LENGTH - each.shape[2]), value=PAD)] for each in (words, framed))
    )
    return method


def one_by_one(method: PerTaskLearner, batch: Batch) -> Tensor:
    """Gradients (m, weights) by a backward pass for each task through the one network."""
    m = len(batch.tags)
    whole = (part.flatten(0, 1).unsqueeze(0) for part in (batch.sources, batch.targets, batch.tags))
    losses, tokens = method.network.losses(method.weights, *whole)
    means = losses.view(m, -1).sum(1) / tokens.view(m, -1).sum(1)
    return torch.cat([torch.autograd.grad(mean, method.weights, retain_graph=True)[0] for mean in means])


def by_func(method: PerTaskLearner, batch: Batch) -> Tensor:
    """Gradients (m, weights) by torch.func."""

    def loss(weights: Tensor, *parts: Tensor) -> Tensor:
        losses, tokens = method.network.losses(weights.unsqueeze(0), *(part.unsqueeze(0) for part in parts))
        return losses.sum() / tokens.sum()

    gradients: Tensor = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0, 0))(
        method.weights[0].detach(), batch.sources, batch.targets, batch.tags
    )
    return gradients


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
def test_all_ways_give_the_same_gradients() -> None:
    """So that what is timed is the same work."""
    method = begun("pcgrad", 4)
    batch = method.batch()
    stacked, _ = per_task(method.network, method.weights, batch)
    torch.testing.assert_close(one_by_one(method, batch), stacked, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(by_func(method, batch), stacked, rtol=1e-3, atol=1e-6)
