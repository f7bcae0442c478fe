"""The attentions as parts of a network that learns: what each computes there, what it learns, what it cannot see."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.long_sequence import recall
from benchmark.tasks.long_sequence.exercises import Exercise
from benchmark.tasks.long_sequence.learner import RecallLearner, schedule
from benchmark.tasks.long_sequence.recall import RecallBudget, RecallSetup
from tests.rounding import truth, truths, with_gradients

plugins.load_datasets()
plugins.load_methods()
BUDGET: RecallBudget = recall.track.tiers[Tier.SMOKE]  # type: ignore[assignment]
NAMES = sorted(recall.track.entries)
LENGTH = 65
HEADS, DIM = 2, 8
SIZES = replace(BUDGET, width=16, pairs=(20, LENGTH - 1))


def drawn(seed: int = 100) -> dict[str, Exercise]:
    found: dict[str, Exercise] = recall.track.rules.prepare(
        SIZES, Source.of(catalogue.find("glyphs")), Draw(recall.track.name, seed, "local", "cpu")
    )
    return found


DATA = drawn()


def learner(name: str, *, seed: int = 100, **options: Any) -> Any:
    setup = recall.track.setup(
        seed=seed, track=recall.track.name, device_name="cpu", **recall.track.rules.tell(SIZES, DATA)
    )
    assert isinstance(setup, RecallSetup)
    return recall.track.classes[name](setup, **options)


def module(name: str) -> Any:
    return sys.modules[recall.track.classes[name].__module__]


def minibatches(exercise: str, count: int = 4) -> tuple[Tensor, Tensor]:
    seen = DATA[exercise].draw(-1, 0, count * BUDGET.batch_size)
    return seen.tokens, seen.labels


def inputs(length: int = LENGTH) -> tuple[Tensor, ...]:
    """Queries, keys and values, and the layer's input."""
    rng = torch.Generator().manual_seed(100)
    q, k, v = torch.randn(3, 2, HEADS, length, DIM, generator=rng)
    return q, k, v, torch.randn(2, length, HEADS * DIM, generator=rng)


def weighed(weights: Tensor, v: Tensor) -> Tensor:
    return weights / weights.sum(3, keepdim=True) @ v


def trained(name: str, exercise: str = "recall") -> Any:
    method = learner(name)
    method.begin(exercise)
    method.learn(*minibatches(exercise))
    return method


class TestLearning:
    @pytest.mark.parametrize("name", NAMES)
    def test_gradients_reach_every_parameter(self, name: str) -> None:
        method = trained(name)
        reached = {key for key, value in method.model.named_parameters() if value.grad is not None and value.grad.any()}
        left_out = {key for key, _ in method.model.named_parameters()} - reached
        assert left_out == ({"layers.0.queries.weight", "layers.0.keys.weight"} if name == "blind" else set())

    @pytest.mark.parametrize("name", NAMES)
    def test_exercises_leave_no_trace_in_each_other(self, name: str) -> None:
        tokens = DATA["pixels"].tests[0].tokens[:5]
        fresh, used = learner(name), trained(name)
        for method in (fresh, used):
            method.begin("pixels")
            method.learn(*minibatches("pixels"))
        assert torch.equal(fresh.classify(tokens), used.classify(tokens))

    @pytest.mark.parametrize("name", NAMES)
    def test_scoring_changes_nothing_and_takes_sequences_by_themselves(self, name: str) -> None:
        method, tokens = trained(name), DATA["recall"].tests[0].tokens[:6]
        together = method.classify(tokens)
        assert torch.equal(method.classify(tokens), together)
        one_by_one = torch.cat([method.classify(row.unsqueeze(0)) for row in tokens])
        assert torch.allclose(one_by_one, together, atol=1e-4)

    def test_parts_of_the_stream_add_up(self) -> None:
        """The rate follows the steps over all calls."""
        tokens, labels = minibatches("recall")
        whole, parts = learner("softmax"), learner("softmax")
        whole.begin("recall")
        whole.learn(tokens, labels)
        parts.begin("recall")
        for some in range(0, len(labels), 8):
            parts.learn(tokens[some : some + 8], labels[some : some + 8])
        for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
            assert torch.equal(one, other)

    def test_the_rate_rises_then_falls_to_nothing(self) -> None:
        rates = [schedule(step, 100) for step in range(100)]
        assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
        assert max(rates) == rates[9] == 1
        assert rates[55] == pytest.approx(0.5)
        assert rates[99] == pytest.approx(1 / 90)
        assert all(0 < schedule(step, 4) <= 1 for step in range(4)), "also if there is no time to warm up"

    def test_parameters_have_their_attentions_rate_and_methods_their_pace(self) -> None:
        method = trained("rfa-gate")
        assert isinstance(method, RecallLearner)
        groups = {group["rate"]: group for group in method.optimizer.param_groups}
        assert [tuple(parameter.shape) for parameter in groups[3.0]["params"]] == [(HEADS, 1, DIM)]
        assert groups[3.0]["lr"] == pytest.approx(3 * groups[1.0]["lr"])
        count = sum(len(group["params"]) for group in groups.values())
        assert count == len(list(method.model.parameters()))
        assert trained("gla").optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * groups[1.0]["lr"])


class TestAttentions:
    def attention(self, name: str, **options: Any) -> Any:
        method = learner(name, **options)
        made = method.attention("recall", 0)
        return made.eval()

    def test_rfa_is_what_its_features_say(self) -> None:
        """Its features have both signs: a normaliser near 0 magnifies rounding errors, in any form."""
        attention = self.attention("rfa")
        q, k, v, x = inputs()
        with torch.no_grad():
            attention.scale.copy_(0.5 + torch.rand(attention.scale.shape, generator=torch.Generator().manual_seed(0)))
        w = learner("rfa").pool[:HEADS]
        expected = truth(by_features, q, k, v, w, attention.scale.detach())
        assert expected.excess(attention(q, k, v, x)) <= 1

    def test_rfa_learns_its_scale(self) -> None:
        q, k, v, x = inputs()
        attention, pool = self.attention("rfa"), learner("rfa").pool[:HEADS]
        push = torch.randn(v.shape, generator=torch.Generator().manual_seed(0))
        *_, expected = truths(with_gradients(by_features, push), q, k, v, pool, attention.scale.detach())
        (found,) = torch.autograd.grad(attention(q, k, v, x), attention.scale, push)
        assert expected.excess(found) <= 1

    def test_rfa_gate_is_the_recurrence(self) -> None:
        attention = self.attention("rfa-gate", features=256, bias=1.0)
        q, k, v, x = inputs()
        with torch.no_grad():
            attention.gate.weight.normal_(generator=torch.Generator().manual_seed(0))
        w = learner("rfa-gate", features=256).pool[:HEADS]  # so many that no normaliser comes near 0
        gates = torch.sigmoid(attention.gate(x)).mT.detach()

        def recurrence(q: Tensor, k: Tensor, v: Tensor, w: Tensor, scale: Tensor, gates: Tensor) -> Tensor:
            phi_q, phi_k = features(q, w, scale), features(k, w, scale)
            total, sums, found = q.new_zeros(()), q.new_zeros(()), []
            for t in range(LENGTH):
                g = gates[:, :, t, None]
                total = g * total + (1 - g) * phi_k[:, :, t]
                sums = g.unsqueeze(3) * sums + (1 - g).unsqueeze(3) * phi_k[:, :, t, :, None] * v[:, :, t, None, :]
                norm = (phi_q[:, :, t] * total).sum(2, keepdim=True)
                found.append(torch.einsum("bhf,bhfe->bhe", phi_q[:, :, t], sums) / norm)
            return torch.stack(found, 2)

        expected = truth(recurrence, q, k, v, w, attention.scale.detach(), gates)
        assert expected.excess(attention(q, k, v, x)) <= 1

    def test_rfa_draws_while_it_trains_and_not_when_it_is_scored(self) -> None:
        attention, given = self.attention("rfa"), inputs()
        assert torch.equal(attention(*given), attention(*given))
        attention.train()
        assert not torch.allclose(attention(*given), attention(*given), atol=1e-3)

    @pytest.mark.parametrize("name", ["performer", "performer-hyperbolic", "performer-relu"])
    def test_performers_redraw_every_so_many_training_steps(self, name: str) -> None:
        attention, given = self.attention(name, redraw_every=2).train(), inputs()
        first, second, third, fourth = (attention(*given) for _ in range(4))
        assert torch.equal(first, second)
        assert not torch.allclose(second, third, atol=1e-3)
        assert torch.equal(third, fourth)
        assert torch.equal(attention.eval()(*given), fourth), "what was drawn last stays"
        assert torch.equal(attention(*given), fourth)

    def test_linformer_learns_a_projection_per_layer(self) -> None:
        method = learner("linformer", rank=16)
        one, other = (method.attention("recall", layer) for layer in (0, 1))
        assert one.projection.shape == (16, LENGTH)
        assert not torch.equal(one.projection, other.projection)
        q, k, v, x = inputs()

        def formula(q: Tensor, k: Tensor, v: Tensor, projection: Tensor) -> Tensor:
            return F.softmax(q @ (projection @ k).mT / DIM**0.5, 3) @ (projection @ v)

        assert truth(formula, q, k, v, one.projection.detach()).excess(one(q, k, v, x)) <= 1

    @pytest.mark.parametrize("name", ["linear", "performer-relu"])
    def test_linear_ones_are_their_features_written_out(self, name: str) -> None:
        attention = self.attention(name)
        q, k, v, x = inputs()

        def formula(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            if name == "linear":
                phi_q, phi_k = F.elu(q) + 1, F.elu(k) + 1
            else:
                w = attention.features.projection.to(q.dtype)
                phi_q, phi_k = (F.relu(y @ w.mT) + 1e-3 for y in (q, k))
            return weighed(phi_q @ phi_k.mT, v)

        assert truth(formula, q, k, v).excess(attention(q, k, v, x)) <= 1

    @pytest.mark.parametrize("name", NAMES)
    def test_who_hears_of_the_first_token(self, name: str) -> None:
        """All but the local window, at the last token; and of the last one at an earlier token all but the gated."""
        method = learner(name)
        method.begin("recall")
        method.model.eval()
        tokens = DATA["recall"].tests[-1].tokens[:4]
        changed = tokens.clone()
        changed[:, 0] = (changed[:, 0] + 1) % 10
        far = float((method.classify(changed) - method.classify(tokens)).abs().max())
        assert (far == 0) == (name == "local-window")
        q, k, v, x = inputs()
        attention = self.attention(name)
        later = [torch.cat([y[:, :, :-1], -y[:, :, -1:]], 2) for y in (q, k, v)]
        ahead = float((attention(*later, x) - attention(q, k, v, x))[:, :, -8:-1].detach().abs().max())
        assert (ahead < 1e-6) == (name in {"rfa-gate", "gla", "gated-deltanet"})


def features(x: Tensor, w: Tensor, scale: Tensor) -> Tensor:
    """Sine and cosine of the scaled W on queries or keys of length 1, (batch, heads, length, 2 rows)."""
    angles = torch.einsum("bhtd,hfd->bhtf", F.normalize(x, dim=3), w * scale)
    return torch.cat([angles.sin(), angles.cos()], 3)


def by_features(q: Tensor, k: Tensor, v: Tensor, w: Tensor, scale: Tensor) -> Tensor:
    """Attention by them, every weight written out."""
    return weighed(features(q, w, scale) @ features(k, w, scale).mT, v)
