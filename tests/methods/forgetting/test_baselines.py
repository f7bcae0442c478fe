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
    network="mlp", memory=14, epochs=2, batch_size=10, learning_rate=0.05, hold_out=0.0, patience=0,
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
        method = learner(setup, "ogd", 0)
        columns = []
        for index in range(2):
            model_before = method.model
            method.learn(index, *data(setup, index))
            assert method.model is model_before
        # Gradients of the true-class scores at the end of each task, one example at a time, on a replay of the run.
        replay = learner(setup, "ogd", 0)
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
        method = learner(setup, "ogd", 2)
        rows = setup.memory * sum(  # seven of each of two tasks
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
        rate, strength = method.rate, 50.0
        for name, parameter in method.model.named_parameters():
            if name not in gradients:
                continue
            fisher, anchor = method._fisher[name], method._anchor[name]
            after = before[name] - rate * parameter.grad
            # Where the proximal step ends, w' = w - rate * (gradient + strength * (F w' - sum F_t w_t)).
            expected = before[name] - rate * (gradients[name] + strength * (fisher * after - anchor))
            assert after == pytest.approx(expected, abs=1e-5)
        assert any(method._fisher[name].max() > 1e-4 for name in gradients)

    def test_step_goes_by_the_rate_that_the_schedule_has_come_to(self):
        lowered = []
        for factor in (1, 10):
            method = learner(PERMUTED, "ewc", 1, strength=1e4)
            method.optimizer.param_groups[0]["lr"] /= factor
            backward(method, PERMUTED, 1)
            method.before_step()
            lowered.append(gradient_of(method.shared_layers()[0]).clone())
            fisher = method._fisher["body.1.weight"]
        rate = PERMUTED.learning_rate
        ratio = (1 + rate * 1e4 * fisher) / (1 + rate / 10 * 1e4 * fisher)
        assert ratio.max() > 1.5
        assert lowered[1] == pytest.approx(lowered[0] * ratio, rel=1e-4, abs=1e-7)

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
            images, labels, tasks = method.reservoir.draw(16)
            method.model.zero_grad()
            F.cross_entropy(method.model.mixed(images, tasks), labels).backward()
            shared = {n: p.grad.clone() for n, p in method.model.named_parameters() if p.grad is not None}
            method.generator.set_state(state)

            method.model.zero_grad()
            new_images, new_labels = data(setup, trial + 10, count=10)
            F.cross_entropy(method.model(new_images, 1), new_labels).backward()
            # A head without kept examples, or none in the minibatch, has the gradient 0, and takes part all the same.
            parameters = dict(method.model.named_parameters())
            full = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in parameters.items()}
            shared = {n: shared.get(n, torch.zeros_like(p)) for n, p in parameters.items()}
            method.before_step()
            dot = sum(float((full[n] * shared[n]).sum()) for n in parameters)
            norm = sum(float(shared[n].square().sum()) for n in parameters)
            for n in parameters:
                assert parameters[n].grad == pytest.approx(full[n] - min(dot, 0.0) / norm * shared[n], abs=1e-5)
            conflicts += dot < 0
            if not setup.one_head and dot < 0:
                assert parameters["heads.0.weight"].grad.norm() > 0
        assert 0 < conflicts < 20


class TestReplay:
    @BOTH
    def test_minibatches_hold_as_many_old_examples_as_new_with_their_own_heads(self, setup):
        method = learner(setup, "er", 1)
        seen = []
        mixed = method.model.mixed
        method.model.mixed = lambda images, tasks: seen.append((images, tasks)) or mixed(images, tasks)
        method.learn(1, *data(setup, 1))
        old, _ = data(setup, 0)
        assert len(seen) == 8  # 40 images, batches of 10, 2 epochs
        for images, tasks in seen:
            assert tasks.tolist() == [1] * 10 + [0] * 10
            assert all(any(torch.equal(image, known) for known in old) for image in images[10:])

    @pytest.mark.parametrize(("name", "each"), [("er", 64 + 1), ("a-gem", 64 + 1), ("derpp", 64 + 1 + 4)])
    def test_keeps_as_many_examples_as_the_rules_allow_and_counts_their_floats(self, name, each):
        assert learner(PERMUTED, name, 2).memory() == PERMUTED.memory * each


class TestDarkExperienceReplay:
    @BOTH
    def test_loss_equals_that_of_one_example_after_the_other(self, setup):
        method = learner(setup, "derpp", 2, alpha=0.3, beta=0.7)
        images, labels = data(setup, 2, count=6)
        state = method.generator.get_state()
        loss = method.loss(2)(images, labels).detach()
        method.generator.set_state(state)
        kept = list(zip(*method.reservoir.draw(12), strict=True))
        terms = [F.cross_entropy(method.model(x[None], 2), y[None]) / 6 for x, y in zip(images, labels, strict=True)]
        for image, _, task, scores in kept[:6]:
            terms.append(0.3 * (method.model(image[None], int(task))[0] - scores).square().mean() / 6)
        for image, label, task, _ in kept[6:]:
            terms.append(0.7 * F.cross_entropy(method.model(image[None], int(task)), label[None]) / 6)
        assert float(loss) == pytest.approx(sum(float(term.detach()) for term in terms), rel=1e-5)

    @BOTH
    def test_keeps_the_scores_of_the_network_that_has_learned_the_task(self, setup):
        method = learner(setup, "derpp", 1)
        images, _, tasks, scores = method.reservoir.draw(20)
        with torch.no_grad():
            assert scores == pytest.approx(method.model.mixed(images, tasks), abs=1e-5)


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


@pytest.mark.parametrize("name", ["finetune", "ewc", "er", "derpp", "a-gem", "ogd", "gpm"])
@BOTH
def test_the_first_task_is_plain_training_for_every_method(setup, name):
    """What differs before the second task would be an unfair start."""
    reference = learner(setup, "finetune", 1).model.state_dict()
    for key, value in learner(setup, name, 1).model.state_dict().items():
        assert torch.equal(value, reference[key]), key
