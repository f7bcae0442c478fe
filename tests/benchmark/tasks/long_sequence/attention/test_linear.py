"""Linear attention in blocks against every weight written out: outputs, gradients, causality, recurrence, numerics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmark.tasks.long_sequence.attention import features, linear, tiles
from benchmark.tasks.long_sequence.attention.tiles import State
from tests.benchmark.tasks.long_sequence.attention import attention_reference as slow
from tests.benchmark.tasks.long_sequence.attention.attention_reference import DIM, HEADS, MAPS, drawn
from tests.rounding import EPS, truth, truths, with_gradients

BATCH, LENGTH = 2, 90


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks, the last one short, and tiles that do not divide the sequences."""
    monkeypatch.setattr(linear, "CHUNK", 16)
    monkeypatch.setattr(linear, "TOKENS", {"cpu": 32})
    monkeypatch.setattr(tiles, "CACHED", {"cpu": 4 * 32 * 24})


def inputs(length: int = LENGTH, *, scale: float = 0.7) -> tuple[Tensor, Tensor, Tensor]:
    q, k = (drawn(BATCH, HEADS, length, DIM, name=name, scale=scale) for name in "qk")
    return q, k, drawn(BATCH, HEADS, length, 8, name="v")


def gates(length: int = LENGTH) -> Tensor:
    """Logarithms of weights that rise by some hundreds, as gates' do."""
    return 4 * drawn(BATCH, HEADS, length, name="gates").double().abs().cumsum(2)


def close(one: Tensor, other: Tensor, *, within: float) -> bool:
    """Whether two tensors differ by at most a share of the largest entry."""
    return float((one.double() - other.double()).abs().max()) <= within * float(other.abs().max())


def written_out(formula: slow.Formula, *, causal: bool) -> Callable[..., Tensor]:
    """Attention by every weight, as a function of q, k, v and, if there are any, logarithms of weights; in float32 they
    are rounded as such, relative to the first of their block."""

    def form(q: Tensor, k: Tensor, v: Tensor, log_weights: Tensor | None = None) -> Tensor:
        if log_weights is not None and q.dtype == torch.float32:
            first = log_weights[:, :, :: linear.CHUNK].repeat_interleave(linear.CHUNK, 2)[:, :, : log_weights.shape[2]]
            log_weights = first + (log_weights - first).float()
        return slow.attend(q, k, v, formula, causal=causal, log_weights=log_weights)

    return form


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("causal", [False, True], ids=["bidirectional", "causal"])
@pytest.mark.parametrize("name", MAPS)
def test_outputs_and_gradients_are_those_of_all_weights_written_out(name: str, causal: bool, weighted: bool) -> None:
    feature_map, formula = slow.maps()[name]
    given = (*inputs(), *([gates() / 50] if weighted else []))
    leaves = [x.clone().requires_grad_() for x in given]
    out = linear.attend(*leaves[:3], feature_map, causal=causal, log_weights=leaves[3] if weighted else None)
    push = drawn(*out.shape, name="push")
    found = (out.detach(), *torch.autograd.grad(out, leaves, push))
    expected = truths(with_gradients(written_out(formula, causal=causal), push), *given)
    for what, one, each in zip(("out", "q", "k", "v", "weights"), found, expected, strict=False):
        assert each.excess(one) <= 1, what


@pytest.mark.parametrize("name", MAPS)
def test_step_by_step_is_the_same_as_at_once(name: str) -> None:
    """The state after a prompt, then one token after the other; with gates whose weights grow by e^300 on the way."""
    feature_map, formula = slow.maps()[name]
    q, k, v = inputs()
    for log_weights in (None, gates()):
        usual = truth(written_out(formula, causal=True), q, k, v, *([] if log_weights is None else [log_weights]))
        whole = linear.attend(q, k, v, feature_map, causal=True, log_weights=log_weights)
        state = State.empty(BATCH * HEADS, feature_map.width(DIM), v.shape[3], v.device)
        size = state.nbytes
        parts = []
        for place in (slice(0, 41), *(slice(t, t + 1) for t in range(41, LENGTH))):
            weights = None if log_weights is None else log_weights[:, :, place]
            some = (x[:, :, place] for x in (q, k, v))
            parts.append(linear.read_on(state, *some, feature_map, log_weights=weights))
        assert replace(usual, exact=whole.double()).excess(torch.cat(parts, 2)) <= 2, "both may be off"
        assert state.nbytes == size


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", MAPS)
def test_no_output_depends_on_later_tokens_not_even_in_the_last_bit(name: str, weighted: bool) -> None:
    """Keys a hundred times as long come after the change: stabilisers over all keys would show them."""
    feature_map, _ = slow.maps()[name]
    q, k, v = inputs()
    for change in (17, 40):
        other = [x.clone() for x in (q, k, v)]
        for x in other:
            x[:, :, change:] *= -100
        log_weights, later = (gates(), gates()) if weighted else (None, None)
        if later is not None:
            later[:, :, change:] += 500
        one = linear.attend(q, k, v, feature_map, causal=True, log_weights=log_weights)
        two = linear.attend(*other, feature_map, causal=True, log_weights=later)
        assert torch.equal(one[:, :, :change], two[:, :, :change])
        assert not torch.equal(one[:, :, change:], two[:, :, change:])


@pytest.mark.parametrize("name", ["elu + 1", "positive", "RFA", "ReLU"])
def test_gradients_do_not_look_ahead_either(name: str) -> None:
    """What an output sends back reaches no later token."""
    feature_map, _ = slow.maps()[name]
    leaves = [x.requires_grad_() for x in inputs()]
    linear.attend(*leaves, feature_map, causal=True, log_weights=gates())[:, :, :37].sum().backward()
    for x in leaves:
        assert x.grad is not None
        assert bool((x.grad[:, :, 37:] == 0).all())
        assert bool((x.grad[:, :, :37] != 0).any())


def test_keys_of_weight_zero_are_not_there() -> None:
    for name in MAPS:
        feature_map, formula = slow.maps()[name]
        q, k, v = inputs()
        mask = torch.zeros(BATCH, HEADS, LENGTH)
        mask[:, :, 50:] = -torch.inf
        out = linear.attend(q, k, v, feature_map, log_weights=mask)
        assert truth(written_out(formula, causal=False), q, k[:, :, :50], v[:, :, :50]).excess(out) <= 1
        mask[:] = -torch.inf
        assert bool(linear.attend(q, k, v, feature_map, causal=True, log_weights=mask).isfinite().all())


def test_the_first_token_sees_itself_alone() -> None:
    for name in set(MAPS) - {"arc-cosine"}:  # whose features may all be 0
        q, k, v = inputs()
        out = linear.attend(q, k, v, slow.maps()[name][0], causal=True)[:, :, 0]
        assert close(out, v[:, :, 0], within=2 * EPS)  # times a weight and divided by it


def test_long_queries_and_keys_overflow_nowhere() -> None:
    """exp(|x|^2 / 2) would be e^5000 here; the key that is most alike takes all the weight, as with softmax."""
    for causal in (False, True):
        leaves = [x.requires_grad_() for x in inputs(scale=50.0)]
        out = linear.attend(*leaves, slow.maps()["positive"][0], causal=causal)
        out.sum().backward()
        assert all(bool(x.isfinite().all()) for x in (out, *(x.grad for x in leaves if x.grad is not None)))


def test_half_precision_in_and_out_float32_inside() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        for name in MAPS:
            for causal in (False, True):
                halves = [x.to(dtype) for x in inputs()]
                out = linear.attend(*halves, slow.maps()[name][0], causal=causal)
                assert out.dtype == dtype
                exact = linear.attend(*(x.float() for x in halves), slow.maps()[name][0], causal=causal)
                assert close(out, exact, within=torch.finfo(dtype).eps)  # the rounding of what comes out is half of it


def test_sums_over_many_tokens_stay_exact() -> None:
    """Half-precision sums would stop at 2048 + 1 = 2048: of so many equal keys each counts."""
    length = 5000
    q = k = torch.ones(1, 1, length, DIM).bfloat16()
    v = torch.arange(length).view(1, 1, length, 1).double()
    out = linear.attend(q, k, (v / length).bfloat16().float(), features.EluPlusOne(), causal=True)
    expected = (v / length).bfloat16().double().cumsum(2) / torch.arange(1, length + 1).view(1, 1, length, 1)
    roundings = DIM + linear.CHUNK + length / linear.CHUNK  # at worst: of a weight, in a block, of the blocks
    assert close(out, expected, within=roundings * EPS)


def test_other_lengths_of_keys() -> None:
    feature_map, formula = slow.maps()["positive"]
    q, (_, k, v) = inputs(20)[0], inputs(77)
    assert truth(written_out(formula, causal=False), q, k, v).excess(linear.attend(q, k, v, feature_map)) <= 1


def test_shapes_that_do_not_go_together() -> None:
    q, k, v = inputs()
    with pytest.raises(ValueError, match=r"queries \(2, 3, 90, 16\), keys \(2, 3, 89, 16\) .* of one length if causal"):
        linear.attend(q, k[:, :, 1:], v[:, :, 1:], features.EluPlusOne(), causal=True)
    with pytest.raises(ValueError, match="do not go together"):
        linear.attend(q, k[:, :1], v, features.EluPlusOne())


def test_memory_of_features_does_not_grow_with_the_length() -> None:
    for name in MAPS:
        feature_map, formula = slow.maps()[name]
        assert feature_map.width(DIM) == formula(drawn(1, HEADS, 1, DIM).double()).shape[3]
        sizes = [
            max(tile.buffers.nbytes for tile in tiles.tiles(feature_map.over(3), x, length=x.shape[1], tokens=32))
            for x in (drawn(3, 64, DIM), drawn(3, 640, DIM))
        ]
        assert sizes[0] == sizes[1]
