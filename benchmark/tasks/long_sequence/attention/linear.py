"""Attention that any feature map gives, at a cost linear in the length.

Token t gets sum_i w_ti v_i / sum_i w_ti with w_ti = phi(q_t) . phi(k_i) exp(log_weights_i) (Katharopoulos et al. 2020,
arXiv:2006.16236; arXiv:2009.14794, section 2.1).

Features never exist for all tokens at once: blocks of tokens go through memory that stays in the cache, and features
are computed again for the gradient, so that memory grows by inputs and outputs alone. Sums are float32; products with
values carry a last column of ones, the normaliser.

Keys have logarithms of weights: what their feature map left out, and `log_weights`, with which a gate or a mask comes
(-inf: not there). Sums hold weights relative to the largest so far and are rescaled as that grows. In the causal form
each query has its own largest, over the keys up to it: nothing depends on the future, and nothing overflows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmark.tasks.long_sequence.attention.features import FeatureMap
from benchmark.tasks.long_sequence.attention.tiles import CHUNK, NOTHING, TOKENS, State, shrink, tiles


def attend(
    q: Tensor, k: Tensor, v: Tensor, features: FeatureMap, *, causal: bool = False, log_weights: Tensor | None = None
) -> Tensor:
    """Attend over all tokens at once; differentiable in q, k, v and log_weights.

    q, k: (batch, heads, length, dim);  v: (batch, heads, length, value);  returns as v. Lengths of q and k may differ
    unless `causal`, where token t sees those up to t.  log_weights: (batch, heads, length) of the keys, best float64.
    """
    _check(q, k, v, causal)
    function: Any = _Causal if causal else _Bidirectional
    flat = (x.flatten(0, 1) for x in (q, k, v))
    weights = None if log_weights is None else log_weights.flatten(0, 1)
    out: Tensor = function.apply(*flat, weights, features.over(q.shape[0] * q.shape[1]))
    return _unflat(out, q)


def read_on(
    state: State, q: Tensor, k: Tensor, v: Tensor, features: FeatureMap, *, log_weights: Tensor | None = None
) -> Tensor:
    """Causal attention over the next tokens, given all before them, which the state takes in. Without gradient.

    Shapes as of `attend`; a whole prompt, or one token: recurrent decoding.
    """
    _check(q, k, v, True)
    weights = None if log_weights is None else log_weights.flatten(0, 1)
    features = features.over(q.shape[0] * q.shape[1])
    with torch.no_grad():
        out = _scan(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), weights, features, state)[0]
    return _unflat(out, q)


class _Bidirectional(torch.autograd.Function):
    """q: (n, t, dim);  k: (n, s, dim);  v: (n, s, value);  weights: (n, s) or None;  the map is of n sequences."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, weights: Tensor | None, features: FeatureMap) -> Tensor:
        state = State.empty(len(q), features.width(q.shape[2]), v.shape[2], q.device)
        out = v.new_empty(*q.shape[:2], v.shape[2])
        totals = torch.empty(*q.shape[:2], 1, device=q.device)
        for tile in tiles(features, q, length=max(q.shape[1], k.shape[1]), tokens=TOKENS[q.device.type]):
            rows, part = tile.sequences, state.part(tile.sequences)
            for place in tile.blocks(k.shape[1]):
                part.add(tile.keys(place, k, v, weights))
            for place in tile.blocks(q.shape[1]):
                read = torch.bmm(tile.queries(place, q), part.sums)
                _normalise(read, features.floor, out[rows, place], totals[rows, place])
        ctx.save_for_backward(q, k, v, weights, out, totals, state.sums, state.top)
        ctx.features = features
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights, out, totals, sums, top = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        dw = None if weights is None else torch.empty_like(weights)
        for tile in tiles(ctx.features, q, length=max(q.shape[1], k.shape[1]), tokens=TOKENS[q.device.type]):
            rows = tile.sequences
            dsums = torch.zeros_like(sums[rows])
            for place in tile.blocks(q.shape[1]):
                h = _unnormalised(gradient[rows, place], out[rows, place], totals[rows, place], ctx.features.floor)
                phi = tile.queries(place, q)
                dsums.baddbmm_(phi.mT, h)
                dphi = torch.bmm(h, sums[rows].mT, out=tile.spare(phi))
                dq[rows, place] = tile.features.pull(q[rows, place].float(), phi, dphi)
            for place in tile.blocks(k.shape[1]):
                keys = tile.keys(place, k, v, weights)
                factors = keys.factors(top[rows])
                dphi = torch.bmm(_times(keys.values, factors), dsums.mT, out=tile.spare(keys.phi))
                dv[rows, place] = _times(torch.bmm(keys.phi, dsums), factors)[:, :, :-1]
                if dw is not None:
                    dw[rows, place] = (dphi * keys.phi).sum(2)
                dk[rows, place] = tile.features.pull(k[rows, place].float(), keys.phi, dphi)
        return dq, dk, dv, dw, None


class _Causal(torch.autograd.Function):
    """As `_Bidirectional`, where every token sees the tokens up to it.

    The gradient takes two scans: forward for the queries', with the sums over the past built up again, and backward for
    the keys' and values', with sums of what later queries send back.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, weights: Tensor | None, features: FeatureMap) -> Tensor:
        state = State.empty(len(q), features.width(q.shape[2]), v.shape[2], q.device)
        out, totals, tops = _scan(q, k, v, weights, features, state)
        ctx.save_for_backward(q, k, v, weights, out, totals, tops)
        ctx.features = features
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights, out, totals, tops = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        dw = None if weights is None else torch.empty_like(weights)
        for tile in tiles(ctx.features, q, length=q.shape[1], tokens=CHUNK):
            rows, blocks = tile.sequences, tile.blocks(q.shape[1])
            state = State.empty(len(q[rows]), tile.width, v.shape[2], q.device)

            def sent_back(place: slice, rows: slice = rows) -> Tensor:
                return _unnormalised(gradient[rows, place], out[rows, place], totals[rows, place], ctx.features.floor)

            for place in blocks:
                h, chunk = sent_back(place), tile.chunk(place, q, k, v, weights, state.top)
                within = chunk.weigh(torch.bmm(h, chunk.keys.values.mT))
                dphi = torch.bmm(within, chunk.keys.phi, out=tile.spare(chunk.phi))
                dphi.baddbmm_(_times(h, chunk.carry), state.sums.mT)
                dq[rows, place] = tile.features.pull(q[rows, place].float(), chunk.phi, dphi)
                state.add(chunk.keys)

            after = state.top
            later = torch.zeros_like(state.sums)  # phi(q)^T h of all later queries, relative to exp(-after)
            for place in reversed(blocks):
                first = tops is None or not place.start
                before = torch.full_like(after, NOTHING) if first else tops[rows, place.start - 1]
                h, chunk = sent_back(place), tile.chunk(place, q, k, v, weights, before)
                keys, factors = chunk.keys, chunk.keys.factors(after)
                scores = chunk.weigh(torch.bmm(chunk.phi, keys.phi.mT))
                dv[rows, place] = (torch.bmm(scores.mT, h) + _times(torch.bmm(keys.phi, later), factors))[:, :, :-1]
                within = chunk.weigh(torch.bmm(h, keys.values.mT))
                dphi = torch.bmm(within.mT, chunk.phi, out=tile.spare(keys.phi))
                dphi.baddbmm_(_times(keys.values, factors), later.mT)
                if dw is not None:
                    dw[rows, place] = (dphi * keys.phi).sum(2)
                dk[rows, place] = tile.features.pull(k[rows, place].float(), keys.phi, dphi)
                if chunk.tops is not None:
                    later.mul_(shrink(before - after).view(-1, 1, 1))
                later.baddbmm_(chunk.phi.mT, _times(h, chunk.carry))
                after = before
        return dq, dk, dv, dw, None


def _scan(
    q: Tensor, k: Tensor, v: Tensor, weights: Tensor | None, features: FeatureMap, state: State
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Read and add chunk by chunk: outputs (n, t, value), totals (n, t, 1), and tops (n, t) if keys have weights."""
    out = v.new_empty(*q.shape[:2], v.shape[2])
    totals = torch.empty(*q.shape[:2], 1, device=q.device)
    tops = None
    for tile in tiles(features, q, length=q.shape[1], tokens=CHUNK):
        rows, part = tile.sequences, state.part(tile.sequences)
        for place in tile.blocks(q.shape[1]):
            chunk = tile.chunk(place, q, k, v, weights, part.top)
            read = torch.bmm(chunk.weigh(torch.bmm(chunk.phi, chunk.keys.phi.mT)), chunk.keys.values)
            if chunk.carry is None:
                read.baddbmm_(chunk.phi, part.sums)
            else:
                read += torch.bmm(chunk.phi, part.sums).mul_(chunk.carry)
            _normalise(read, features.floor, out[rows, place], totals[rows, place])
            if chunk.tops is not None:
                tops = torch.empty(q.shape[:2], dtype=torch.float64, device=q.device) if tops is None else tops
                tops[rows, place] = chunk.tops
            part.add(chunk.keys)
    return out, totals, tops


def _normalise(read: Tensor, floor: float, out: Tensor, totals: Tensor) -> None:
    """Numerators and totals (n, t, value + 1) to outputs and totals; totals are kept `floor` away from 0."""
    totals.copy_(read[:, :, -1:])
    torch.div(read[:, :, :-1], _kept_away(totals, floor), out=out)


def _kept_away(totals: Tensor, floor: float) -> Tensor:
    """Totals that are at least `floor` away from 0."""
    return totals.abs().clamp_min_(floor).copysign_(totals)


def _unnormalised(gradient: Tensor, out: Tensor, total: Tensor, floor: float) -> Tensor:
    """Gradient (n, t, value + 1) of what `_normalise` takes, from that of its outputs; totals under the floor have no
    part in them."""
    gradient = gradient.float()
    of_total = torch.where(total.abs() > floor, -(gradient * out).sum(2, keepdim=True), 0.0)
    return torch.cat([gradient, of_total], 2) / _kept_away(total, floor)


def _unflat(out: Tensor, q: Tensor) -> Tensor:
    """(batch * heads, ...) to (batch, heads, ...), as q is."""
    shaped: Tensor = out.unflatten(0, q.shape[:2])
    return shaped


def _times(x: Tensor, factors: Tensor | None) -> Tensor:
    return x if factors is None else x * factors


def _check(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> None:
    """Raise ValueError for shapes that do not go together."""
    fits = q.ndim == k.ndim == v.ndim == 4 and q.shape[:2] == k.shape[:2] == v.shape[:2]
    fits = fits and q.shape[3] == k.shape[3] and k.shape[2] == v.shape[2] and not (causal and q.shape[2] != k.shape[2])
    if not fits:
        raise ValueError(
            f"queries {tuple(q.shape)}, keys {tuple(k.shape)} and values {tuple(v.shape)} do not go together; they are "
            "(batch, heads, length, dim), of one length if causal"
        )
