"""Causal attention whose state forgets: by gates per dimension of keys, or by what new keys overwrite.

A state S (key, value) per head and no normaliser: token t reads S_t^T q_t. Tokens go in chunks, within which every
query meets every key as a product of matrices; only the states between chunks follow one after the other. Logarithms
of decays add up, and weights are differences of them: nothing grows, however long the sequence. Differentiable; states
are float32, whatever comes in.

q, k: (batch, heads, length, key);  v and outputs: (batch, heads, length, value)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 16
"""Tokens of a chunk. Decays that differ by dimension need factors of keys and of queries by themselves, relative to the
chunk's middle: half a chunk must not decay by more than e^80, or float32 ends."""
_STEEPEST = -10.0
"""Least logarithm of a decay per dimension and token: e^-10 forgets, and 8 of them stay within float32."""


def gated(q: Tensor, k: Tensor, v: Tensor, decay: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Gated linear attention (Yang et al. 2024, arXiv:2312.06635, sections 3.2 and 4): S_t = diag(a_t) S_(t-1) +
    k_t v_t^T. Returns outputs and the last state (batch, heads, key, value).

    decay: logarithms of a, at most 0, (batch, heads, length, key);  state: before the first token, None for 0
    """
    length = q.shape[2]
    q, k, v, decay = (_chunks(x, CHUNK) for x in (q, k, v, decay.clamp(min=_STEEPEST)))
    logs = decay.cumsum(3)
    last = logs[:, :, :, -1:]
    middle = logs[:, :, :, CHUNK // 2 - 1, None]
    within = ((q * (logs - middle).exp()) @ (k * (middle - logs).exp()).mT).tril() @ v
    added = (k * (last - logs).exp()).mT @ v
    kept = last.exp().mT
    states = [added.new_zeros(added[:, :, 0].shape) if state is None else state]
    for some, factor in zip(added.unbind(2), kept.unbind(2), strict=True):
        states.append(factor * states[-1] + some)
    carried = (q * logs.exp()) @ torch.stack(states[:-1], 2)
    return (within + carried).flatten(2, 3)[:, :, :length], states[-1]


def gated_step(q: Tensor, k: Tensor, v: Tensor, decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One token of `gated`, without its chunks."""
    state = state * decay.clamp(min=_STEEPEST).exp().mT + k.mT @ v
    return q @ state, state


def delta(
    q: Tensor, k: Tensor, v: Tensor, decay: Tensor, write: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Gated delta rule (Yang, Kautz, Hatamizadeh 2024, arXiv:2412.06464, equation 10): S_t = a_t (I - b_t k_t k_t^T)
    S_(t-1) + b_t k_t v_t^T. Returns outputs and the last state (batch, heads, key, value).

    With u_t = b_t (v_t - a_t S_(t-1)^T k_t) that is S_t = a_t S_(t-1) + k_t u_t^T, and the u of a chunk solve a
    triangular system (section 3.3), whose right-hand sides are values and keys.

    k: of length 1;  decay: logarithms of a, at most 0, and write: b in [0, 1], (batch, heads, length)
    """
    length = q.shape[2]
    q, k, v, decay, write = (_chunks(x, CHUNK) for x in (q, k, v, decay.unsqueeze(3), write.unsqueeze(3)))
    logs = decay.cumsum(3)
    ratios = (logs - logs.mT).clamp(max=0).exp().tril()
    system = torch.eye(k.shape[3], device=k.device) + write * (k @ k.mT) * ratios.tril(-1)
    sides = torch.cat([write * v, write * logs.exp() * k], 4)
    solved = torch.linalg.solve_triangular(system, sides, upper=False, unitriangular=True)
    given, undone = solved.split([v.shape[4], k.shape[4]], 4)
    reading, onward = q * logs.exp(), (k * (logs[:, :, :, -1:] - logs).exp()).mT
    scores = (q @ k.mT) * ratios
    kept = logs[:, :, :, -1:].exp()
    if state is None:
        state = k.new_zeros(*k.shape[:2], k.shape[4], v.shape[4])
    out = []
    for at in range(k.shape[2]):
        new = given[:, :, at] - undone[:, :, at] @ state
        out.append(reading[:, :, at] @ state + scores[:, :, at] @ new)
        state = kept[:, :, at] * state + onward[:, :, at] @ new
    return torch.cat(out, 2)[:, :, :length], state


def delta_step(q: Tensor, k: Tensor, v: Tensor, decay: Tensor, write: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One token of `delta`, without its chunks."""
    state = state * decay.exp().unsqueeze(3)
    state = state + k.mT @ (write.unsqueeze(3) * (v - k @ state))
    return q @ state, state


def _chunks(x: Tensor, size: int) -> Tensor:
    """(batch, heads, length, dim) to (batch, heads, chunks, size, dim) float32; the last is filled up with zeros, which
    write nothing and decay nothing."""
    filled = F.pad(x.float(), (0, 0, 0, -x.shape[2] % size))
    shaped: Tensor = filled.unflatten(2, (-1, size))
    return shaped
