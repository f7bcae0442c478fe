"""Chunks and steps of attentions whose state forgets, against the recurrences of their papers, token by token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.long_sequence.attention import recurrent
from tests.rounding import truth, truths, with_gradients

BATCH, HEADS, KEY, VALUE = 2, 2, 4, 3
LENGTHS = [1, 16, 37]
Inputs = tuple[Tensor, ...]


def inputs(name: str, length: int, *, seed: int = 0) -> Inputs:
    """Queries, keys, values, logarithms of decays, and how much is written."""
    rng = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, BATCH, HEADS, length, KEY, generator=rng)
    v = torch.randn(BATCH, HEADS, length, VALUE, generator=rng)
    decay = F.logsigmoid(2 * torch.randn(BATCH, HEADS, length, KEY, generator=rng))
    if name == "gated":
        return q, k, v, decay
    return q, F.normalize(k, dim=3), v, decay[:, :, :, 0], torch.rand(BATCH, HEADS, length, generator=rng)


def gated(q: Tensor, k: Tensor, v: Tensor, decay: Tensor) -> Tensor:
    """arXiv:2312.06635, section 3.2."""
    state, found = q.new_zeros(BATCH, HEADS, KEY, VALUE), []
    for t in range(q.shape[2]):
        state = decay[:, :, t].exp().unsqueeze(3) * state + k[:, :, t].unsqueeze(3) * v[:, :, t].unsqueeze(2)
        found.append((q[:, :, t].unsqueeze(2) @ state).squeeze(2))
    return torch.stack(found, 2)


def delta(q: Tensor, k: Tensor, v: Tensor, decay: Tensor, write: Tensor) -> Tensor:
    """arXiv:2412.06464, equation 10, transposed."""
    state, found = q.new_zeros(BATCH, HEADS, KEY, VALUE), []
    for t in range(q.shape[2]):
        key, a, b = k[:, :, t].unsqueeze(3), decay[:, :, t, None, None].exp(), write[:, :, t, None, None]
        state = a * (torch.eye(KEY).to(key) - b * key @ key.mT) @ state + b * key @ v[:, :, t].unsqueeze(2)
        found.append((q[:, :, t].unsqueeze(2) @ state).squeeze(2))
    return torch.stack(found, 2)


SLOW: dict[str, Callable[..., Tensor]] = {"gated": gated, "delta": delta}
FAST = {"gated": recurrent.gated, "delta": recurrent.delta}
STEP = {"gated": recurrent.gated_step, "delta": recurrent.delta_step}


@pytest.mark.parametrize("name", SLOW)
class TestBoth:
    @pytest.mark.parametrize("length", LENGTHS)
    def test_chunks_are_the_recurrence(self, name: str, length: int) -> None:
        given = inputs(name, length)
        assert truth(SLOW[name], *given).excess(FAST[name](*given)[0]) <= 1

    def test_gradients_are_the_recurrences(self, name: str) -> None:
        given = inputs(name, 37)
        push = torch.randn(BATCH, HEADS, 37, VALUE, generator=torch.Generator().manual_seed(1))
        found = with_gradients(lambda *x: FAST[name](*x)[0], push)(*given)
        for expected, part in zip(truths(with_gradients(SLOW[name], push), *given), found, strict=True):
            assert expected.excess(part) <= 1

    def test_a_state_carries_on_by_chunks_and_by_steps(self, name: str) -> None:
        given = inputs(name, 45)
        out, state = FAST[name](*(x[:, :, :20] for x in given))
        more, state = FAST[name](*(x[:, :, 20:40] for x in given), state)
        parts = [out, more]
        for t in range(40, 45):
            one, state = STEP[name](*(x[:, :, t : t + 1] for x in given), state)
            parts.append(one)
        assert truth(SLOW[name], *given).excess(torch.cat(parts, 2)) <= 1
        assert torch.allclose(state, FAST[name](*given)[1], atol=1e-5)

    def test_gates_that_forget_all_overflow_nothing(self, name: str) -> None:
        q, k, v, decay, *write = inputs(name, 64)
        found, state = FAST[name](q, k, v, torch.full_like(decay, -1e4), *write)
        expected = SLOW[name](q, k, v, torch.full_like(decay, -1e4), *write)
        assert bool(found.isfinite().all() and state.isfinite().all())
        assert float((found - expected).abs().max()) < 1e-2 * float(expected.abs().max()), "e^-10 is left, and no more"


def test_the_delta_rule_finds_what_was_written_last() -> None:
    """Orthogonal keys, no decay, written in full: a key gives its last value, and no trace of the one before."""
    keys = torch.eye(KEY)[[0, 1, 2, 0, 3, 1]].expand(1, 1, -1, -1)
    values = torch.arange(6.0).view(1, 1, 6, 1)
    nothing, full = torch.zeros(1, 1, 6), torch.ones(1, 1, 6)
    _, state = recurrent.delta(keys, keys, values, nothing, full)
    assert state.flatten().tolist() == pytest.approx([3, 5, 2, 4])
    _, sums = recurrent.gated(keys, keys, values, nothing.unsqueeze(3).expand(-1, -1, -1, KEY))
    assert sums.flatten().tolist() == pytest.approx([3, 6, 2, 4]), "where nothing is overwritten values add up"
