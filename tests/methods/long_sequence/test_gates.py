"""Later attentions with gates, what sees nothing, and who says to estimate softmax."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import plugins
from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.softmax import exact
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup

plugins.load_datasets()
plugins.load_methods()
HEADS, DIM = 2, 8
WIDTH = HEADS * DIM
ESTIMATES = {"performer", "performer-hyperbolic", "nystroem"}
EXACT = {"softmax", "softmax-plain"}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer(name: str) -> Any:
    setup = RecallSetup(
        100, recall.track.name, "cpu", WIDTH, HEADS, 1, 8, 1e-2,
        fields=((4,), (4,)), lengths=(9, 9), classes=(10, 10), steps=(4, 4), query_sizes=(1, 1), place_sizes=(1, 1),
    )  # fmt: skip
    return recall.track.classes[name](setup).attention("recall", 0)


def timed(track: Any, name: str, **options: Any) -> Any:
    if track is encode.track:
        return encode.track.classes[name](EncodeSetup(100, "long_sequence.encode", "cpu", 1, HEADS, DIM), **options)
    return decode.track.classes[name](DecodeSetup(100, "long_sequence.decode", "cpu", 1, HEADS, DIM, 64), **options)


class TestLayers:
    """In float64, token by token, with all parts of the papers' layers that are kept."""

    def test_gated_linear_attention(self) -> None:
        (q, k, v), x = drawn(3, 2, HEADS, 20, DIM), drawn(2, 20, WIDTH, seed=1)
        made = layer("gla")
        inner, outer = made.decay
        logit = x @ inner.weight.T @ outer.weight.T + outer.bias
        a = logit.sigmoid().pow(1 / 16).unflatten(2, (HEADS, DIM)).transpose(1, 2).double()
        gate = F.silu(x @ made.gate.weight.T + made.gate.bias).unflatten(2, (HEADS, DIM)).transpose(1, 2)
        state = torch.zeros(2, HEADS, DIM, DIM).double()
        for t in range(20):
            state = a[:, :, t, :, None] * state + k[:, :, t, :, None] * v[:, :, t, None]
        read = (q[:, :, -1, None].double() @ state).squeeze(2)
        expected = (read - read.mean(2, keepdim=True)) / read.std(2, keepdim=True, correction=0)
        found = made(q, k, v, x)[:, :, -1]
        assert torch.allclose(found.double(), expected * gate[:, :, -1], atol=1e-4)

    def test_gated_delta_network(self) -> None:
        (q, k, v), x = drawn(3, 2, HEADS, 20, DIM), drawn(2, 20, WIDTH, seed=1)
        made = layer("gated-deltanet")
        pace = F.softplus(x @ made.paces.weight.T + made.pace)
        a = torch.exp(-made.steepness.exp() * pace).mT.double()
        b = (x @ made.writes.weight.T).sigmoid().mT.double()
        gate = F.silu(x @ made.gate.weight.T).unflatten(2, (HEADS, DIM)).transpose(1, 2)
        unit, state = (k / k.norm(dim=3, keepdim=True)).double(), torch.zeros(2, HEADS, DIM, DIM).double()
        for t in range(20):
            key, one, write = unit[:, :, t].unsqueeze(3), a[:, :, t, None, None], b[:, :, t, None, None]
            state = one * (state - write * key @ (key.mT @ state)) + write * key @ v[:, :, t, None].double()
        read = ((q / q.norm(dim=3, keepdim=True))[:, :, -1, None].double() @ state).squeeze(2)
        expected = read / (read.square().mean(2, keepdim=True) + 1e-5).sqrt()
        found = made(q, k, v, x)[:, :, -1]
        assert torch.allclose(found.double(), expected * gate[:, :, -1], atol=1e-4)

    def test_a_delta_network_starts_where_the_released_code_does(self) -> None:
        made = layer("gated-deltanet")
        assert bool(((made.steepness.exp() > 0) & (made.steepness.exp() < 16)).all())
        paces = F.softplus(made.pace)
        assert bool(((paces >= 0.00099) & (paces <= 0.101)).all())


class TestBlind:
    def test_it_gives_the_mean_of_the_values(self) -> None:
        q, k, v = drawn(3, 1, HEADS, 12, DIM)
        method = timed(decode.track, "blind")
        parts = [method.read(*(x[:, :, :7] for x in (q, k, v)))]
        parts += [method.step(*(x[:, :, t : t + 1] for x in (q, k, v))) for t in range(7, 12)]
        expected = torch.stack([v[:, :, : t + 1].mean(2) for t in range(12)], 2)
        assert torch.allclose(torch.cat(parts, 2), expected, atol=1e-6)
        assert torch.allclose(timed(encode.track, "blind").forward(q, k, v), v.mean(2, keepdim=True).expand_as(v))
        assert torch.allclose(layer("blind")(q, k, v, v), v.mean(2, keepdim=True).expand_as(v))

    def test_it_is_shown_and_not_ranked(self) -> None:
        assert decode.track.entries["blind"].role == recall.track.entries["blind"].role == "reference"


class TestEstimates:
    @pytest.mark.parametrize("track", [encode.track, decode.track], ids=lambda track: track.name)
    def test_who_says_to_estimate_softmax(self, track: Any) -> None:
        """Exact attention has no need to, and `blind` does to be held against."""
        says = {name: timed(track, name).estimates() for name in set(track.entries) - EXACT - {"blind"}}
        assert {name for name, word in says.items() if word == "softmax"} == ESTIMATES & set(track.entries)
        assert set(says.values()) == {"softmax", "other"}

    def test_whoever_does_comes_close_given_enough(self) -> None:
        """And whoever does not, does not: with features, rows or landmarks without end."""
        q, k, v = 0.5 * drawn(3, 1, HEADS, 32, DIM)
        plenty = {
            "performer": {"features": 20_000}, "performer-hyperbolic": {"features": 10_000},
            "nystroem": {"landmarks": 32, "iterations": 30}, "rfa": {"features": 20_000},
            "linformer": {"rank": 20_000}, "performer-relu": {"features": 20_000},
        }  # fmt: skip
        target = exact(q, k, v)
        for name, options in plenty.items():
            off = float((timed(encode.track, name, **options).forward(q, k, v) - target).norm() / target.norm())
            assert (off < 0.05) == (name in ESTIMATES), f"{name} is off by {off:.3f}"

    def test_hyperbolic_features_have_less_variance_at_the_same_width(self) -> None:
        q, k, v = 0.5 * drawn(3, 1, HEADS, 64, DIM)
        target, errors = exact(q, k, v), {}
        for name, features in (("performer", 64), ("performer-hyperbolic", 32)):
            squares = [
                encode.track.classes[name](
                    EncodeSetup(seed, "long_sequence.encode", "cpu", 1, HEADS, DIM), features=features
                )
                for seed in range(100, 110)
            ]
            errors[name] = sum(float((method.forward(q, k, v) - target).square().sum()) for method in squares)
        assert errors["performer-hyperbolic"] < errors["performer"]


def test_rfas_floor_is_the_released_codes() -> None:
    """Features scaled by 0.1 and a normaliser of at least 1: a first token gets 0.64 of its value with 64 rows."""
    k, v = drawn(2, 1, HEADS, 5, DIM)
    out = timed(decode.track, "rfa").read(k, k, v)
    assert torch.allclose(out[:, :, 0], 0.64 * v[:, :, 0], atol=1e-5)
    free = timed(decode.track, "rfa", floor=None).read(k, k, v)
    assert torch.allclose(free[:, :, 0], v[:, :, 0], atol=1e-5)
    assert timed(decode.track, "rfa-gate").features.floor == pytest.approx(0.064)
