"""Long sequences: exact attention costs the square of the length. What do attentions that cost less give, and where?

Rules of `encode`
  Every token attends to all tokens. A contestant gets queries, keys and values (batch, heads, length, dim), float32,
  and returns the outputs (`forward`), or the gradients of a weighted sum of them (`gradients`). What it draws at
  random, as projections, it draws once. Lengths double from 256; the quick tier's ranked ones end at 8,192, and a
  longer one is tried where a call of it should take less than the tier's `longest` seconds.

Rules of `decode`
  Generation: a token attends to itself and those before it. A contestant `read`s stretches of a prompt at once and then
  makes `step`s of one token, at positions that grow fourfold; it says how many bytes it keeps (`state_bytes`).

Common rules
  Inputs are stretches of tokens (datasets/gaussian_tokens.py) that start anywhere, new for every call, from a seed
  that the contestant cannot derive. The first call at a length is a warm-up and measures memory. Then the judge's clock
  takes 3 to 9 timings, short calls several in a row, in alternation with exact attention (torch's fused kernel, on the
  same device with the same number of threads) in the judge's own process. A timing includes a message there and back,
  some tenths of a millisecond. Jobs run alone on the machine, contestants have all its cores.
  Outputs of timed calls are compared with exact attention in a sample of rows; the same inputs must give the same
  outputs again, and gradients must be the outputs' derivatives.
  The grade: exact attention's odd timings against its even ones, an A/A test. If they differ by more than the tier's
  limit, the result is kept, in doubt: it ranks nowhere, and the next run of the same command times it again.
  A length that runs out of memory is recorded as such if it is beyond the ranked ones; at a ranked one the job fails.

Metrics of `encode`
  `speed_up` over exact attention, geometric mean over the ranked lengths (`raw` has each), `gradient_speed_up` the
  same forward and backward on the tier's shorter list; `error` of outputs, root mean square over the sample relative to
  exact attention's, mean over lengths; `memory` at the longest ranked length: inputs, outputs, and what the call needed
  beyond; `noise` of the A/A test. Curves have tokens/s with quartiles, speed-up, error and bytes by length; tokens are
  those of the batch.

Metrics of `decode`
  `speed_up` over exact attention with cached keys and values, geometric mean over positions; `slow_down`, seconds of a
  step at the last position over those at the first; `state` at the last position; `error` and `noise` as above.
"""

from __future__ import annotations

from benchmark.task import Task
from benchmark.tasks.long_sequence.decode import DecodeSetup, decode
from benchmark.tasks.long_sequence.encode import EncodeSetup, encode

__all__ = ["DecodeSetup", "EncodeSetup", "decode", "encode", "task"]

task = Task(
    "long_sequence",
    "What do attentions cheaper than exact ones cost, on sequences how long, and what do they lose?",
    (encode, decode),
)
