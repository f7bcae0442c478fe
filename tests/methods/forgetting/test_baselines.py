"""Each baseline against a slow and obvious form of what its paper says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from benchmark.seeding import generator
from benchmark.tasks import find_track
from benchmark.tasks.forgetting.learner import gradient_of
from benchmark.tasks.forgetting.rules import ContinualSetup

PERMUTED = ContinualSetup(
    seed=0, track="forgetting.permuted", device_name="cpu", tasks=3, classes=4, image_shape=(1, 8, 8), one_head=True,
    network="mlp", epochs=2, batch_size=10, learning_rate=0.05, hold_out=0.0, patience=0,
)  # fmt: skip
SPLIT = replace(PERMUTED, track="forgetting.split", one_head=False, network="convnet", image_shape=(2, 8, 8))
BOTH = pytest.mark.parametrize("setup", [PERMUTED, SPLIT], ids=["permuted", "split"])


def data(setup: ContinualSetup, index: int, count: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    rng = generator(3, "task", index)
    return torch.randn(count, *setup.image_shape, generator=rng), torch.randint(setup.classes, (count,), generator=rng)


def learner(setup: ContinualSetup, name: str, tasks: int, **options):
    method = find_track(setup.track).classes[name](setup, **options)
    for index in range(tasks):
        method.learn(index, *data(setup, index))
    return method


def backward(method, setup: ContinualSetup, index: int) -> dict[str, torch.Tensor]:
    """Leave the gradients of one minibatch on the model, and return copies by name."""
    method.model.zero_grad()
    images, labels = data(setup, index, count=10)
    F.cross_entropy(method.model(images, index), labels).backward()
    return {n: p.grad.clone() for n, p in method.model.named_parameters() if p.grad is not None}


class TestOGD:
    @BOTH
    def test_projection_equals_that_of_a_basis_of_the_full_gradients(self, setup):
        method = learner(setup, "ogd", 0, gradients=7)
        columns = []
        for index in range(2):
            model_before = method.model
            method.learn(index, *data(setup, index))
            assert method.model is model_before
        # Gradients of the true-class scores at the end of each task, one example at a time, on a replay of the run.
        replay = learner(setup, "ogd", 0, gradients=7)
        chosen: list[torch.Tensor] = []
        choose = replay.choose
        replay.choose = lambda count, total: chosen.append(choose(count, total)) or chosen[-1]
        for index in range(2):
            images, labels = data(setup, index)
            replay.learn(index, images, labels)
            for k in chosen[-1]:
                replay.model.zero_grad()
                replay.model(images[k : k + 1], index)[0, labels[k]].backward()
                columns.append(torch.cat([gradient_of(layer).flatten() for layer in replay.layers]))
        assert len(columns) == 14
        basis = torch.linalg.qr(torch.stack(columns, 1).double()).Q

        backward(method, setup, 2)
        full = torch.cat([gradient_of(layer).flatten() for layer in method.layers]).double()
        method.before_step()
        projected = torch.cat([gradient_of(layer).flatten() for layer in method.layers]).double()
        expected = full - basis @ (basis.T @ full)
        assert expected.norm() < 0.999 * full.norm()  # there is something to remove
        assert (projected - expected).norm() < 1e-4 * full.norm()

    @BOTH
    def test_memory_is_that_of_the_factors(self, setup):
        method = learner(setup, "ogd", 2, gradients=7)
        rows = 14 * sum(
            layer.weight.numel() if layer.weight.ndim == 4 else sum(layer.weight.shape) for layer in method.layers
        )
        assert method.memory() == rows


class TestEWC:
    def test_fisher_is_the_mean_square_of_score_gradients_of_drawn_labels(self):
        method = learner(PERMUTED, "ewc", 1, samples=40)
        # The same labels as the method drew: its generator was used for minibatches, the sample, then the labels.
        replay = learner(PERMUTED, "finetune", 1)
        images, _ = data(PERMUTED, 0)
        images = images[replay.choose(40, len(images))]
        with torch.no_grad():
            probabilities = replay.model(images, 0).softmax(1)
        drawn = torch.multinomial(probabilities, 1, generator=replay.generator).squeeze(1)
        squares = {name: torch.zeros_like(p) for name, p in replay.model.named_parameters()}
        for image, label in zip(images, drawn, strict=True):
            replay.model.zero_grad()
            F.cross_entropy(replay.model(image[None], 0), label[None]).backward()
            for name, parameter in replay.model.named_parameters():
                squares[name] += parameter.grad.square() / 40
        for name, expected in squares.items():
            assert method._fisher[name] == pytest.approx(expected, rel=1e-3, abs=1e-9)
            assert method._anchor[name] == pytest.approx(
                expected * dict(replay.model.named_parameters())[name].detach(), rel=1e-3, abs=1e-9
            )

    @BOTH
    def test_step_is_the_proximal_step_of_the_penalised_loss(self, setup):
        method = learner(setup, "ewc", 2, strength=50.0)
        before = {name: parameter.detach().clone() for name, parameter in method.model.named_parameters()}
        gradients = backward(method, setup, 2)
        method.before_step()
        rate, strength = setup.learning_rate, 50.0
        for name, parameter in method.model.named_parameters():
            if name not in gradients:
                continue
            fisher, anchor = method._fisher[name], method._anchor[name]
            after = before[name] - rate * parameter.grad
            # Where the proximal step ends, w' = w - rate * (gradient + strength * (F w' - sum F_t w_t)).
            expected = before[name] - rate * (gradients[name] + strength * (fisher * after - anchor))
            assert after == pytest.approx(expected, abs=1e-5)
        assert any(method._fisher[name].max() > 1e-4 for name in gradients)

    def test_a_huge_strength_holds_the_weights_and_does_not_diverge(self):
        method = learner(PERMUTED, "ewc", 1, strength=1e8)
        before = [parameter.detach().clone() for parameter in method.model.parameters()]
        method.learn(1, *data(PERMUTED, 1))
        for (name, parameter), old in zip(method.model.named_parameters(), before, strict=True):
            held = method._fisher[name] > 1e-4
            assert held.any()
            assert (parameter - old)[held].abs().max() < 1e-2
            assert parameter.isfinite().all()


class TestAGEM:
    @BOTH
    def test_step_never_conflicts_with_the_reference(self, setup):
        method = learner(setup, "a-gem", 1, reference_batch=16)
        conflicts = 0
        for trial in range(20):
            state = method.generator.get_state()
            images, labels, tasks = method._reservoir.draw(16)
            method.model.zero_grad()
            F.cross_entropy(method.model.mixed(images, tasks), labels).backward()
            shared = {n: p.grad.clone() for n, p in method.model.named_parameters() if p.grad is not None}
            method.generator.set_state(state)

            method.model.zero_grad()
            new_images, new_labels = data(setup, trial + 10, count=10)
            F.cross_entropy(method.model(new_images, 1), new_labels).backward()
            full = {n: p.grad.clone() for n, p in method.model.named_parameters() if p.grad is not None}
            method.before_step()
            names = full.keys() & shared.keys()
            dot = sum(float((full[n] * shared[n]).sum()) for n in names)
            norm = sum(float(shared[n].square().sum()) for n in names)
            parameters = dict(method.model.named_parameters())
            for n in full:
                expected = full[n] - min(dot, 0.0) / norm * shared[n] if n in shared else full[n]
                assert parameters[n].grad == pytest.approx(expected, abs=1e-5)
            conflicts += dot < 0
        assert 0 < conflicts < 20


class TestReplay:
    @BOTH
    def test_minibatches_hold_as_many_old_examples_as_new_with_their_own_heads(self, setup):
        method = learner(setup, "er", 1, capacity=15)
        seen = []
        mixed = method.model.mixed
        method.model.mixed = lambda images, tasks: seen.append((images, tasks)) or mixed(images, tasks)
        method.learn(1, *data(setup, 1))
        old, _ = data(setup, 0)
        assert len(seen) == 8  # 40 images, batches of 10, 2 epochs
        for images, tasks in seen:
            assert tasks.tolist() == [1] * 10 + [0] * 10
            assert all(any(torch.equal(image, known) for known in old) for image in images[10:])

    def test_keeps_its_capacity_and_counts_it(self):
        method = learner(PERMUTED, "er", 2, capacity=15)
        assert method.memory() == 15 * (64 + 1)


class TestJoint:
    @BOTH
    def test_starts_anew_on_everything_seen(self, setup):
        method = learner(setup, "joint", 2)
        # The same: one network trained once on both tasks together.
        fresh = learner(setup, "joint", 0)
        fresh.generator.set_state(_state_after_first(setup))
        both = [torch.cat(parts) for parts in zip(data(setup, 0), data(setup, 1), strict=True)]
        tasks = torch.tensor([0] * 40 + [1] * 40)
        fresh.train(0, *both, tasks, loss=lambda x, y, t: F.cross_entropy(fresh.model.mixed(x, t), y))
        for a, b in zip(method.model.parameters(), fresh.model.parameters(), strict=True):
            assert torch.equal(a, b)
        assert method.memory() == 80 * (both[0][0].numel() + 1)


def _state_after_first(setup: ContinualSetup) -> torch.Tensor:
    return learner(setup, "joint", 1).generator.get_state()


@pytest.mark.parametrize("name", ["finetune", "ewc", "er", "a-gem", "ogd", "gpm"])
@BOTH
def test_the_first_task_is_plain_training_for_every_method(setup, name):
    """What differs before the second task would be an unfair start."""
    reference = learner(setup, "finetune", 1).model.state_dict()
    for key, value in learner(setup, name, 1).model.state_dict().items():
        assert torch.equal(value, reference[key]), key
