"""The attentions of `long_sequence`: what each computes, against formulas written out; and what the papers promise."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.tasks.long_sequence import decode, encode
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup
from tests.rounding import EPS, truth

plugins.load_datasets()
plugins.load_methods()
BATCH, HEADS, DIM = 2, 4, 64
LONGEST = 700


def tokens(length: int, *, seed: int = 100) -> tuple[Tensor, Tensor, Tensor]:
    dataset: Any = catalogue.find("gaussian-tokens").dataset
    drawn: tuple[Tensor, Tensor, Tensor] = dataset.vectors(batch=BATCH, heads=HEADS, length=length, dim=DIM, seed=seed)
    return drawn


def encoder(name: str, *, seed: int = 100, **options: Any) -> Any:
    return encode.track.classes[name](EncodeSetup(seed, "long_sequence.encode", "cpu", BATCH, HEADS, DIM), **options)


def decoder(name: str, *, seed: int = 100, **options: Any) -> Any:
    setup = DecodeSetup(seed, "long_sequence.decode", "cpu", BATCH, HEADS, DIM, LONGEST)
    return decode.track.classes[name](setup, **options)


def off(found: Tensor, expected: Tensor) -> float:
    """Relative error of outputs, in the root mean square."""
    return float((found - expected).norm() / expected.norm())


def attended(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None = None) -> Tensor:
    """Attention by the formula; seen: (queries, keys), who may look at whom."""
    scores = q @ k.mT / DIM**0.5
    return (scores if seen is None else scores.masked_fill(~seen, -torch.inf)).softmax(3) @ v


def error(name: str, length: int = 512, **options: Any) -> float:
    q, k, v = tokens(length)
    return off(encoder(name, **options).forward(q, k, v), exact(q, k, v))


class TestEncoders:
    def test_softmax_is_exact_in_both_forms(self) -> None:
        given = tokens(512)
        for name in ("softmax", "softmax-plain"):
            assert truth(attended, *given).excess(encoder(name).forward(*given)) <= 1

    def test_a_window_over_all_tokens_is_exact(self) -> None:
        given = tokens(512)
        for window in (512, 256):  # each of two blocks sees the other
            assert truth(attended, *given).excess(encoder("local-window", window=window).forward(*given)) <= 1

    @pytest.mark.parametrize("length", [512, 300])
    def test_a_window_sees_its_block_and_both_beside_it(self, length: int) -> None:
        q, k, v = tokens(length)
        blocks = torch.arange(length) // 64
        near = (blocks.unsqueeze(1) - blocks).abs() <= 1
        found = encoder("local-window", window=64).forward(q, k, v)
        assert truth(partial(attended, seen=near), q, k, v).excess(found) <= 1

    def test_every_token_a_landmark_is_nearly_exact(self) -> None:
        """In float64: the pseudo-inverse of a matrix with a condition of 1e7 is beyond float32."""
        given = [x.double() for x in tokens(128)]
        assert off(encoder("nystroem", landmarks=128, iterations=30).attend(*given), exact(*given)) < 1e-8
        assert error("nystroem", 128, landmarks=128) < error("nystroem", 128, landmarks=8)

    def test_landmarks_are_means_of_segments(self) -> None:
        """Equal tokens within segments, as many landmarks as segments: as if there were only those."""
        few = tokens(16)
        q, k, v = (x.repeat_interleave(8, dim=2) for x in few)
        found = encoder("nystroem", landmarks=16, iterations=25).forward(q, k, v)
        condition = float(torch.linalg.cond((few[0].double() @ few[1].double().mT / 8).softmax(3)).max())
        assert off(found, exact(q, k, v)) < EPS * condition
        assert encoder("nystroem").forward(*tokens(100)).shape == (BATCH, HEADS, 100, DIM), "segments differ in length"

    def test_linformer_attends_to_projected_tokens(self) -> None:
        method = encoder("linformer", rank=32)
        q, k, v = tokens(200)
        found = method.forward(q, k, v)
        (projection,) = method._projections.values()

        def formula(q: Tensor, k: Tensor, v: Tensor, projection: Tensor) -> Tensor:
            return attended(q, *(torch.einsum("rl,bhld->bhrd", projection, x) for x in (k, v)))

        assert truth(formula, q, k, v, projection).excess(found) <= 1
        assert torch.equal(method.forward(q, k, v), found)
        # 200 columns of 32 numbers N(0, 1 / 32): four standard errors of the mean, each sqrt(2 / 6400), are 0.07.
        assert float(projection.square().sum(0).mean()) == pytest.approx(1, abs=0.07)

    def test_performer_comes_closer_with_more_features(self) -> None:
        few, more = (sum(error("performer", seed=seed, features=m) for seed in range(100, 104)) for m in (64, 1024))
        assert more < 0.6 * few

    def test_random_features_see_whom_queries_attend_to(self) -> None:
        """The mean of all values, which is what attention to nobody in particular gives, is farther off."""
        q, k, v = tokens(2048)
        blind = off(v.mean(2, keepdim=True).expand_as(v), exact(q, k, v))
        assert blind > 0.4
        assert error("performer", 2048) < 0.85 * blind
        assert error("rfa", 2048, features=256) < 0.85 * blind, "64 independent rows, as the paper has, are not enough"

    def test_performer_redraws_while_it_trains(self) -> None:
        method = encoder("performer", redraw_every=3)
        q, k, v = tokens(64)
        before = method.forward(q, k, v)
        for call in range(3):
            assert torch.equal(method.forward(q, k, v), before), f"call {call} changes nothing yet"
            method.gradients(q, k, v, v)
        assert off(method.forward(q, k, v), before) > 0.01

    def test_rfa_has_a_projection_per_head_and_ignores_lengths(self) -> None:
        method = encoder("rfa")
        assert method.features.projection.shape == (HEADS, 64, DIM)
        q, k, v = tokens(64)
        assert torch.equal(method.forward(4 * q, k / 8, v), method.forward(q, k, v))  # powers of 2 round alike
        kernel = torch.exp(torch.cosine_similarity(q.unsqueeze(3), k.unsqueeze(2), dim=4))
        expected = kernel / kernel.sum(3, keepdim=True) @ v
        assert off(encoder("rfa", features=4096).forward(q, k, v), expected) < 0.15
        assert off(encoder("rfa", arccos=True).forward(q, k, v), expected) > 0.15

    @pytest.mark.parametrize("name", sorted(encode.track.entries))
    def test_gradients_are_those_of_the_outputs(self, name: str) -> None:
        """By a difference along each of them."""
        method, push = encoder(name), tokens(96, seed=101)[2]
        inputs = list(tokens(96))
        for place, gradient in enumerate(method.gradients(*inputs, push)):
            if name == "blind" and place < 2:
                assert not gradient.any()
                continue
            step = 0.01 * inputs[place].norm() / gradient.norm()
            moved = [[x + way * step * gradient if x is inputs[place] else x for x in inputs] for way in (1, -1)]
            up, down = (float((method.forward(*x) * push).double().sum()) for x in moved)
            # A step of 1 % along a curved line: what is off by 3 % is the difference, not a rounding.
            assert (up - down) / (2 * float(step)) == pytest.approx(float(gradient.square().sum()), rel=0.03)


class TestDecoders:
    @pytest.mark.parametrize("name", sorted(decode.track.entries))
    def test_steps_give_what_a_prompt_gives_at_once(self, name: str) -> None:
        q, k, v = tokens(400)
        whole = decoder(name).read(q, k, v)
        method = decoder(name)
        parts = [method.read(*(x[:, :, :150] for x in (q, k, v)))]
        parts += [method.step(*(x[:, :, t : t + 1] for x in (q, k, v))) for t in range(150, 300)]
        parts += [method.read(*(x[:, :, 300:] for x in (q, k, v)))]
        # Normalisers do not come near 0 here, so that sums lose but some roundings of their largest terms.
        assert float((torch.cat(parts, 2) - whole).abs().max()) < 100 * EPS * float(whole.abs().max())

    @pytest.mark.parametrize("name", sorted(decode.track.entries))
    def test_nothing_depends_on_what_comes_later(self, name: str) -> None:
        q, k, v = tokens(200)
        changed = [torch.cat([x[:, :, :120], -30 * x[:, :, 120:]], 2) for x in (q, k, v)]
        one, other = decoder(name).read(q, k, v), decoder(name).read(*changed)
        assert float((one - other)[:, :, :120].abs().max()) < 1e-5
        assert float((one - other)[:, :, 120:].abs().max()) > 0.1

    @pytest.mark.parametrize("name", sorted(set(decode.track.entries) - {"softmax"}))
    def test_the_state_stops_growing(self, name: str) -> None:
        method, sizes = decoder(name), []
        for _ in range(3):
            method.read(*tokens(256))
            sizes.append(method.state_bytes())
        assert sizes[0] == sizes[1] == sizes[2] > 0

    def test_softmax_is_exact_and_keeps_everything(self) -> None:
        q, k, v = tokens(300)
        method = decoder("softmax", block=64)
        found = torch.cat(
            [method.read(*(x[:, :, part] for x in (q, k, v))) for part in (slice(100), slice(100, 300))], 2
        )
        past = torch.ones(300, 300, dtype=torch.bool).tril()
        assert truth(partial(attended, seen=past), q, k, v).excess(found) <= 1
        assert method.state_bytes() == 2 * BATCH * HEADS * 300 * DIM * 4

    def test_a_window_sees_the_last_tokens(self) -> None:
        q, k, v = tokens(200)
        age = torch.arange(200).unsqueeze(1) - torch.arange(200)
        found = decoder("local-window", window=50).read(q, k, v)
        assert truth(partial(attended, seen=(age >= 0) & (age < 50)), q, k, v).excess(found) <= 1

    def test_the_gate_lets_the_past_fade(self) -> None:
        """The recurrence as in the paper, one token after the other (section 3.2)."""
        q, k, v = tokens(120)
        method, features = decoder("rfa-gate"), decoder("rfa-gate").features
        gates = torch.sigmoid(torch.einsum("bhtd,hdo->bht", k, method._weight) + 3).double()
        phi = []
        for x in (q, k):
            out = torch.empty(BATCH * HEADS, 120, 128)
            features.over(BATCH * HEADS)(x.flatten(0, 1), out)
            phi.append(out.double().view(BATCH, HEADS, 120, 128))
        s, z = torch.zeros(BATCH, HEADS, 128, DIM).double(), torch.zeros(BATCH, HEADS, 128).double()
        expected = []
        for t in range(120):
            gate = gates[:, :, t, None]
            s = gate[..., None] * s + (1 - gate[..., None]) * phi[1][:, :, t, :, None] * v[:, :, t, None].double()
            z = gate * z + (1 - gate) * phi[1][:, :, t]
            expected.append(torch.einsum("bhm,bhmd->bhd", phi[0][:, :, t], s) / (phi[0][:, :, t] * z).sum(2)[..., None])
        found = method.read(q, k, v)
        # Logarithms of weights are float32 within a block, over which they grow by some dozens.
        assert off(found.double(), torch.stack(expected, 2)) < 100 * EPS
        assert 10 < float(1 / (1 - gates).mean()) < 30, "tokens remembered"

    def test_a_thousand_gates_do_not_wear_precision_out(self) -> None:
        """Weights grow by e^50 per thousand tokens; after four thousand only the last ones count, and in full."""
        method, alone = decoder("rfa-gate"), decoder("rfa-gate")
        for part in range(6):
            method.read(*tokens(650, seed=200 + part))
        last = tokens(650, seed=300)
        assert off(method.read(*last)[:, :, -50:], alone.read(*last)[:, :, -50:]) < 1e-4
