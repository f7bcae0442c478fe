"""Learners of `architecture`: the stack against plain networks, and which rotations they do not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.sample_efficiency import distributions
from benchmark.tasks.sample_efficiency.architecture import track
from benchmark.tasks.sample_efficiency.rules import LearnerSetup
from tests.rounding import truth

SETUP = LearnerSetup(seed=0, track=track.name, device_name="cpu", batch_size=16)
STACKED = ("cnn", "fc", "fc-relu", "fc-wide", "fc-decay", "fc-batchnorm", "hybrid", "local")
D = 8


def learner(name: str, **options: Any) -> Any:
    return track.classes[name](SETUP, **options)


def drawn(count: int, *, repeats: int = 2, d: int = D) -> tuple[Tensor, Tensor]:
    parts = [distributions.halves(d, count, torch.Generator().manual_seed(index)) for index in range(repeats)]
    return torch.stack([part.inputs for part in parts]), torch.stack([part.labels for part in parts])


@pytest.mark.parametrize("name", [*STACKED, "quadratic-kernel"])
def test_problems_are_learned_apart_from_each_other(name: str) -> None:
    inputs, labels = drawn(40)
    asked = torch.randn(30, *inputs.shape[2:], generator=torch.Generator().manual_seed(9))
    one, other = learner(name), learner(name)
    one.learn(inputs, labels, [20, 40], 12)
    spoiled, turned = inputs.clone(), labels.clone()
    spoiled[1], turned[1] = -3 * spoiled[1], 1 - turned[1]
    spoiled[0, 20:] = 0  # the first problem has the first twenty of the first repeat
    other.learn(spoiled, turned, [20, 40], 12)
    mine, theirs = one.predict(asked), other.predict(asked)
    assert mine.shape == (4, 30)
    assert torch.equal(mine[0], theirs[0])
    assert not torch.equal(mine[1:], theirs[1:])


@pytest.mark.parametrize("name", STACKED)
def test_learning_starts_anew_and_differs_between_problems(name: str) -> None:
    inputs, labels = drawn(24)
    same = inputs[:1].repeat(2, 1, 1, 1, 1)
    found = learner(name)
    found.learn(inputs, labels, [24], 3)
    found.learn(same, labels[:1].repeat(2, 1), [24], 3)
    for weight in found.weights.values():
        assert len(weight) == 2
        assert bool(weight.isfinite().all())
    first = next(iter(found.weights.values()))
    assert not torch.equal(first[0], first[1])  # the same data from other initial weights


@pytest.mark.parametrize("shape", [(2, 1, 6), (1, 4, 5), (3, 5, 5)])
def test_the_convolutional_network_is_one(shape: tuple[int, int, int]) -> None:
    """Against torch's convolutions on a circle, in float64; both layers, squares and the mean written out."""
    cnn = learner("cnn")
    rng = torch.Generator().manual_seed(1)
    weights = cnn.initial(2, shape, rng)
    weights = {name: torch.randn(w.shape, generator=rng, dtype=torch.float64) for name, w in weights.items()}
    inputs = torch.randn(7, *shape, generator=rng, dtype=torch.float64)
    found = cnn.scores(weights, cnn.prepared(inputs).expand(2, -1, -1, -1))
    height, width = (3 if size > 1 else 1 for size in shape[1:])
    edge = (width // 2, width // 2, height // 2, height // 2)
    for problem in range(2):
        # What a window holds is ordered by the shift along the height, then along the width, then by channel.
        kernel = weights["filters"][problem].T.reshape(10, height, width, shape[0]).permute(0, 3, 1, 2)
        hidden = F.conv2d(F.pad(inputs, edge, mode="circular"), kernel, weights["shift"][problem, 0]).square()
        out = weights["out"][problem].T.reshape(1, 10, height, width)
        scores = F.conv2d(F.pad(hidden, edge, mode="circular"), out).mean((1, 2, 3)) * (shape[1] * shape[2]) ** 0.5
        assert torch.allclose(found[problem], scores + weights["bias"][problem], rtol=1e-9)


def test_the_locally_connected_network_is_one() -> None:
    local = learner("local")
    rng = torch.Generator().manual_seed(1)
    weights = {name: w.double() for name, w in local.initial(2, (2, 1, 5), rng).items()}
    weights["shift"] = torch.randn(weights["shift"].shape, generator=rng, dtype=torch.float64)
    inputs = torch.randn(3, 2, 1, 5, generator=rng, dtype=torch.float64)
    found = local.scores(weights, local.prepared(inputs).expand(2, -1, -1, -1))
    for problem in range(2):
        for index, image in enumerate(inputs[:, :, 0]):
            score = float(weights["bias"][problem])
            for place in range(5):
                seen = torch.cat([image[:, (place + shift) % 5] for shift in (-1, 0, 1)])
                hidden = weights["filters"][problem, place] @ seen + weights["shift"][problem, place, :, 0]
                score += float(weights["out"][problem, place, 0] @ hidden.square())
            assert float(found[problem, index]) == pytest.approx(score, rel=1e-9)


def test_gradients_are_clipped_problem_by_problem() -> None:
    found = learner("fc")
    parameters = [torch.zeros(2, 3), torch.zeros(2, 4)]
    gradients = [torch.tensor([[3.0, 0, 0], [0.1, 0, 0]]), torch.tensor([[4.0, 0, 0, 0], [0, 0.2, 0, 0]])]
    found.step(parameters, gradients, [torch.zeros(2, 3), torch.zeros(2, 4)], 1.0)
    assert torch.allclose(parameters[0], torch.tensor([[-0.6, 0, 0], [-0.1, 0, 0]]))
    assert torch.allclose(parameters[1], torch.tensor([[-0.8, 0, 0, 0], [0, -0.2, 0, 0]]))


class Adam:
    """In place of SGD's step (Kingma and Ba 2015, arXiv:1412.6980), from zero moments."""

    def __init__(self) -> None:
        self.moments: list[tuple[Tensor, Tensor]] = []
        self.count = 0

    def __call__(self, parameters: list[Tensor], gradients: list[Tensor], speeds: Any, learning_rate: float) -> None:
        self.moments = self.moments or [(torch.zeros_like(g), torch.zeros_like(g)) for g in gradients]
        self.count += 1
        with torch.no_grad():
            for parameter, gradient, (first, second) in zip(parameters, gradients, self.moments, strict=True):
                first.mul_(0.9).add_(gradient, alpha=0.1)
                second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                rates = (second / (1 - 0.999**self.count)).sqrt() + 1e-8
                parameter.sub_(learning_rate * first / (1 - 0.9**self.count) / rates)


def scores_after(name: str, turn: Tensor, *, adam: bool) -> Tensor:
    """Scores of test inputs after training, where inputs and first weights are turned by a matrix, in float64."""
    inputs, labels = drawn(64, repeats=1)
    asked = torch.randn(50, 2, 1, D // 2, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    made = learner(name)
    initial = made.initial

    def turned(problems: int, shape: tuple[int, int, int], rng: torch.Generator) -> dict[str, Tensor]:
        weights = {key: weight.double() for key, weight in initial(problems, shape, rng).items()}
        first = "hidden" if "hidden" in weights else "filters"
        if first == "hidden":
            weights[first] = turn @ weights[first]
        return weights

    def rotated(x: Tensor) -> Tensor:
        return (x.flatten(-3).double() @ turn.T).view(x.shape)

    made.initial = turned
    if adam:
        made.step = Adam()
    made.learn(rotated(inputs), labels, [64], 60)
    scores: Tensor = made.scores(made.weights, made.prepared(rotated(asked)).unsqueeze(0))
    return scores


@pytest.mark.parametrize(
    ("name", "adam", "blind"),
    [
        ("fc", False, True),
        ("fc-relu", False, True),
        ("fc-decay", False, True),
        ("fc-batchnorm", False, True),
        ("fc", True, False),
        ("cnn", False, False),
    ],
)
def test_sgd_on_full_layers_does_not_see_a_rotation_and_adam_does(name: str, adam: bool, blind: bool) -> None:
    """Orthogonal equivariance (section 3, arXiv:2010.08515): turned inputs, turned first weights, the same function."""
    rng = torch.Generator().manual_seed(3)
    turn = torch.linalg.qr(torch.randn(D, D, generator=rng, dtype=torch.float64)).Q
    plain, turned = (scores_after(name, each, adam=adam) for each in (torch.eye(D, dtype=torch.float64), turn))
    apart = float((plain - turned).abs().max() / plain.abs().max())
    assert (apart < 1e-5) == blind
    assert blind or apart > 0.01


def test_adam_does_not_see_a_permutation() -> None:
    order = torch.randperm(D, generator=torch.Generator().manual_seed(3))
    turn = torch.eye(D, dtype=torch.float64)[order]
    plain, turned = (scores_after("fc", each, adam=True) for each in (torch.eye(D, dtype=torch.float64), turn))
    assert float((plain - turned).abs().max() / plain.abs().max()) < 1e-5


@pytest.mark.parametrize("d", [10, 20, 30])
def test_quadratic_regression_errs_by_the_share_of_monomials_that_are_missing(d: int) -> None:
    """Theorem 5.4 as corrected: a quadratic form has d (d + 1) / 2 coefficients, of which n samples settle n.

    The least squares of least norm on centred products, whose error is measured on fresh inputs, 1 - n / (d(d+1)/2).
    """
    rng = torch.Generator().manual_seed(d)
    row, column = torch.triu_indices(d, d)
    count = d * (d + 1) // 2
    weight = torch.where(row == column, 0.5**0.5, 1.0)  # so that all products have a variance of 1

    def products(x: Tensor) -> Tensor:
        return (x[:, row] * x[:, column] - (row == column).double()) * weight

    for share in (0.25, 0.5, 0.75):
        errors = []
        for _ in range(6):
            alpha = torch.randn(d, generator=rng, dtype=torch.float64)
            x, fresh = (torch.randn(n, d, generator=rng, dtype=torch.float64) for n in (round(share * count), 2000))
            y, wanted = ((each.square() - 1) @ alpha for each in (x, fresh))
            coefficients = torch.linalg.lstsq(products(x), y, driver="gelsd").solution
            errors.append(float((products(fresh) @ coefficients - wanted).square().mean() / wanted.square().mean()))
        assert sum(errors) / 6 == pytest.approx(1 - share, abs=0.06)  # six runs, a standard error of some 0.02


@pytest.mark.parametrize("size", [10, 60])  # fewer samples than the 45 monomials, and more
def test_the_kernel_and_its_monomials_are_one_regression(size: int) -> None:
    inputs, labels = drawn(60)
    found = learner("quadratic-kernel", ridge=0.01)
    found.learn(inputs, labels, [size], 0)
    asked = torch.randn(40, 2, 1, D // 2, generator=torch.Generator().manual_seed(9))
    x, y = inputs[0, :size].flatten(1).double(), 2 * labels[0, :size].double() - 1
    gram = (x @ x.T + 1).square() / D + 0.01 * size * torch.eye(size, dtype=torch.float64)
    wanted = (asked.flatten(1).double() @ x.T + 1).square() / D @ torch.linalg.solve(gram, y)
    far = wanted.abs() > 1e-9
    assert torch.equal(found.predict(asked)[0][far], (wanted > 0).long()[far])


def test_chunks_do_not_change_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.tasks.sample_efficiency import learner as shared

    inputs, labels = drawn(40)
    found = learner("local")
    found.learn(inputs, labels, [40], 5)
    asked = torch.randn(33, *inputs.shape[2:], generator=torch.Generator().manual_seed(9))
    whole = found.predict(asked)
    monkeypatch.setattr(shared, "_CHUNK", 1)
    assert torch.equal(found.predict(asked), whole)


def test_scores_in_float32_are_as_good_as_the_plain_formula() -> None:
    cnn = learner("cnn")
    weights = cnn.initial(1, (1, 6, 6), torch.Generator().manual_seed(1))
    inputs = torch.randn(20, 1, 6, 6, generator=torch.Generator().manual_seed(2))

    def formula(x: Tensor) -> Tensor:
        kernel = weights["filters"][0].T.reshape(10, 3, 3, 1).permute(0, 3, 1, 2).to(x.dtype)
        hidden = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), kernel).square()
        return (hidden.mean((2, 3)) @ weights["out"][0].sum(0).to(x.dtype)) * 6

    exact = truth(formula, inputs)
    assert exact.excess(cnn.scores(weights, cnn.prepared(inputs).unsqueeze(0))[0]) <= 1
