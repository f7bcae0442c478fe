"""The invariants of GPM, on the plug-in as it is registered."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.seeding import generator
from benchmark.tasks import find_track
from benchmark.tasks.forgetting.learner import gradient_of
from benchmark.tasks.forgetting.rules import ContinualSetup

MLP = ContinualSetup(
    seed=0, track="forgetting.permuted", device_name="cpu", tasks=3, classes=4, image_shape=(1, 10, 10), one_head=True,
    network="mlp", memory=20, epochs=2, batch_size=10, learning_rate=0.05, hold_out=0.0, patience=0,
)  # fmt: skip
CONVNET = replace(MLP, track="forgetting.split", one_head=False, network="convnet", image_shape=(2, 12, 12))
ALEXNET = replace(CONVNET, network="alexnet", image_shape=(3, 32, 32), epochs=1)

ROOMY = (0.8, 0.9)
"""Thresholds that leave room in every layer, the 18 inputs of the first convolution too."""


def data(setup: ContinualSetup, index: int, count: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Images that span few directions, as real ones do, another few per task, plus a little noise."""
    rng = generator(7, "task", index)
    size = setup.image_shape
    basis = torch.randn(12, *size, generator=rng)
    images = torch.einsum("nk,kchw->nchw", torch.randn(count, 12, generator=rng), basis)
    labels = torch.randint(setup.classes, (count,), generator=rng)
    return images + 0.05 * torch.randn(count, *size, generator=rng), labels


def learner(setup: ContinualSetup, tasks: int, thresholds: tuple[float, float] | None = None):
    method = find_track(setup.track).classes["gpm"](setup)
    if thresholds:
        method._thresholds = thresholds
    for index in range(tasks):
        method.learn(index, *data(setup, index))
    return method


@pytest.fixture(params=[MLP, CONVNET], ids=["mlp", "convnet"])
def setup(request):
    return request.param


def test_bases_are_orthonormal_and_no_larger_than_the_space(setup):
    for layer, subspace in zip((m := learner(setup, 2)).layers, m.subspaces, strict=True):
        basis = subspace.basis
        assert 0 < basis.shape[1] <= basis.shape[0] == layer.weight[0].numel()
        assert (basis.T @ basis - torch.eye(basis.shape[1])).abs().max() < 1e-5


def test_projected_gradients_have_no_part_in_the_basis(setup):
    method = learner(setup, 1, ROOMY)
    images, labels = data(setup, 1)
    method.model.zero_grad()
    F.cross_entropy(method.model(images, 1), labels).backward()
    before = [gradient_of(layer).clone() for layer in method.layers]
    method.model.zero_grad()
    with method.inputs_projected():
        F.cross_entropy(method.model(images, 1), labels).backward()
    method.before_step()
    for layer, subspace, full in zip(method.layers, method.subspaces, before, strict=True):
        projected = gradient_of(layer).flatten(1)
        full = full.flatten(1)
        assert (projected @ subspace.basis).norm() < 1e-5 * full.norm()
        assert projected == pytest.approx(
            full - full @ subspace.basis @ subspace.basis.T, abs=1e-5 * float(full.norm())
        )
        assert projected.norm() > 0


def test_training_moves_weights_off_the_basis_only(setup):
    """Every update of later tasks is orthogonal to what the first task uses, in the first layer as well."""
    method = learner(setup, 1, ROOMY)
    weights = [layer.weight.detach().clone() for layer in method.layers]
    bases = [subspace.basis.clone() for subspace in method.subspaces]
    for index in (1, 2):
        method.learn(index, *data(setup, index))
    for layer, old, basis in zip(method.layers, weights, bases, strict=True):
        moved = (layer.weight.detach() - old).flatten(1)
        assert moved.norm() > 1e-4
        assert (moved @ basis).norm() < 1e-4 * moved.norm()


def test_outputs_on_old_inputs_in_the_span_do_not_change(setup):
    method = learner(setup, 1)
    first = method.layers[0]
    basis = method.subspaces[0].basis
    columns = basis @ torch.randn(basis.shape[1], 5, generator=generator(0, "old inputs"))
    before = first.weight.detach().flatten(1) @ columns
    method.learn(1, *data(setup, 1))
    after = first.weight.detach().flatten(1) @ columns
    assert after == pytest.approx(before, abs=1e-4 * float(before.abs().max()))


def test_captured_energy_reaches_the_threshold_on_every_task(setup):
    method = find_track(setup.track).classes["gpm"](setup)
    method._thresholds, method._growth = (0.9, 0.95), 0.01
    seen = []
    real = type(method.subspaces[0]).grow

    def grow(self, representation, threshold):
        real(self, representation, threshold)
        matrix = representation.double()
        inside = self.basis.double().T @ matrix
        seen.append((float(inside.square().sum() / matrix.square().sum()), threshold))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(method.subspaces[0]), "grow", grow)
        for index in range(3):
            method.learn(index, *data(setup, index))
    layers = len(method.layers)
    assert len(seen) == 2 * layers  # nothing is kept of the last task
    assert [threshold for _, threshold in seen] == pytest.approx(
        [0.9] + [0.95] * (layers - 1) + [0.91] + [0.96] * (layers - 1)
    )
    for energy, threshold in seen:
        assert energy >= threshold - 1e-6


class TestSubspace:
    @pytest.fixture
    def subspace(self):
        kind = type(learner(MLP, 0).subspaces[0])
        return lambda inputs: kind(inputs, torch.device("cpu"))

    @pytest.mark.parametrize("columns", [30, 500], ids=["tall", "wide"])
    def test_takes_the_fewest_directions_that_reach_the_threshold(self, subspace, columns):
        rng = generator(1, columns)
        left = torch.linalg.qr(torch.randn(40, 5, dtype=torch.float64, generator=rng)).Q
        right = torch.linalg.qr(torch.randn(columns, 5, dtype=torch.float64, generator=rng)).Q
        energies = torch.tensor([50.0, 30.0, 15.0, 4.0, 1.0], dtype=torch.float64)
        matrix = left @ energies.sqrt().diag() @ right.T
        for threshold, rank in ((0.5, 1), (0.501, 2), (0.8, 2), (0.9, 3), (0.95, 3), (0.96, 4), (1.0, 5)):
            space = subspace(40)
            space.grow(matrix, threshold - 1e-9)
            assert space.basis.shape[1] == rank, threshold
            assert (left[:, :rank].T.float() @ space.basis).abs().diag() == pytest.approx(torch.ones(rank), abs=1e-5)

    def test_adds_nothing_if_the_basis_holds_enough(self, subspace):
        matrix = torch.randn(20, 50, generator=generator(2))
        space = subspace(20)
        space.grow(matrix, 0.9)
        before = space.basis.clone()
        space.grow(matrix, 0.9)
        assert torch.equal(space.basis, before)

    def test_survives_inputs_without_energy_and_a_full_basis(self, subspace):
        space = subspace(6)
        space.grow(torch.zeros(6, 10), 0.99)
        assert space.basis.shape == (6, 0)
        space.grow(torch.randn(6, 100, generator=generator(3)), 1.0)
        assert space.basis.shape == (6, 6)
        space.grow(torch.randn(6, 100, generator=generator(4)), 1.0)
        assert space.basis.shape == (6, 6)
        assert space.remove_from(torch.randn(3, 6)).abs().max() < 1e-5

    @pytest.mark.parametrize(
        ("inputs", "rank", "products"), [(30, 0, 1), (30, 30, 1), (200, 20, 0), (200, 100, 1), (200, 180, 2)]
    )
    def test_every_form_of_the_projection_agrees(self, subspace, inputs, rank, products):
        rows = torch.randn(7, inputs, generator=generator(5))
        space = subspace(inputs)
        space.span(torch.linalg.qr(torch.randn(inputs, rank, generator=generator(6, rank))).Q)
        assert len(space._onto_rest) == products
        dense = rows @ (torch.eye(inputs) - space.basis @ space.basis.T)
        assert space.remove_from(rows) == pytest.approx(dense, abs=1e-5)


def test_heads_of_their_own_are_free_and_a_shared_head_is_protected():
    assert learner(CONVNET, 0).layers[-1] is not learner(CONVNET, 0).model.heads[0]
    single, multi = learner(MLP, 0), learner(CONVNET, 0)
    assert single.layers[-1] is single.model.heads[0]
    assert not set(multi.layers) & set(multi.model.heads)
    assert [type(layer) for layer in multi.layers] == [nn.Conv2d, nn.Conv2d, nn.Linear]


def test_batch_norm_is_learned_on_the_first_task_only():
    method = learner(ALEXNET, 1)
    norms = [m for m in method.model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) == 5
    before = [{name: value.clone() for name, value in norm.state_dict().items()} for norm in norms]
    assert any((state["weight"] != 1).any() for state in before)
    method.learn(1, *data(ALEXNET, 1))
    for norm, state in zip(norms, before, strict=True):
        for name, value in norm.state_dict().items():
            assert torch.equal(value, state[name]), name


def test_the_last_representation_is_of_the_trained_network_in_evaluation_mode():
    method = learner(ALEXNET, 0)
    modes = []
    method.layers[1].register_forward_pre_hook(lambda layer, _: modes.append(method.model.training))
    method.learn(0, *data(ALEXNET, 0))
    assert modes[-1] is False


def test_memory_counts_the_bases():
    method = learner(MLP, 2)
    assert method.memory() == sum(s.basis.shape[0] * s.basis.shape[1] for s in method.subspaces) > 0
    assert learner(MLP, 0).memory() == 0


def test_hooks_do_not_outlive_learning():
    method = learner(MLP, 2)
    assert not any(layer._forward_hooks for layer in method.layers)
    assert method.predict(1, data(MLP, 1)[0]).shape == (60, 4)


def test_thresholds_are_the_published_ones():
    assert (learner(MLP, 0)._thresholds, learner(MLP, 0)._growth) == ((0.95, 0.99), 0.0)
    for setup in (ALEXNET, CONVNET):
        assert (learner(setup, 0)._thresholds, learner(setup, 0)._growth) == ((0.97, 0.97), 0.003)


@pytest.mark.parametrize("setup", [ALEXNET, CONVNET], ids=["alexnet", "convnet"])
def test_a_threshold_that_is_asked_for_holds_on_every_network(setup):
    method = find_track(setup.track).classes["gpm"](setup, threshold=0.9, growth=0.01)
    assert (method._thresholds, method._growth) == ((0.9, 0.9), 0.01)
