"""Long sequences: exact attention costs the square of the length. What do attentions that cost less give, and where?

Rules of `encode`
  Every token attends to all tokens. A contestant gets queries, keys and values (batch, heads, length, dim), float32,
  and returns the outputs (`forward`), or the gradients of a weighted sum of them (`gradients`). What it draws at
  random, as projections, it draws once. Lengths double from 256; the quick tier's ranked ones end at 8,192, and a
  longer one is tried where a call of it should take less than the tier's `longest` seconds.

Rules of `decode`
  Generation: a token attends to itself and those before it. A contestant `read`s stretches of a prompt at once and then
  makes `step`s of one token, at positions that grow fourfold; it says how many bytes it keeps (`state_bytes`).

Rules of `recall`
  The same small Transformer (transformer.py) learns three exercises, each from its initial weights:
  `recall`, pairs of a key and a value, then a key: which value came with it (datasets/associative_recall.py); `lists`,
  nested minima, maxima, medians and sums of digits (datasets/list_operations.py); `pixels`, the grey pixels of an image
  row by row: of which of ten classes. A sequence ends in a token that asks, at which the network answers: an attention
  that does not bring far tokens there is blind. Every token may attend to all tokens; a method which by its nature sees
  the past alone, as a gate does, does so here: for the last token that is everything.
  The setup fixes all but the attention: sizes, initial weights, number of steps, batch size, the highest learning rate;
  the harness the optimiser and its schedule (learner.py), a method may only name another rate for
  its attention's own parameters. The judge hands out minibatches in an order that is the same for all methods, and asks
  for `classify` in between and at the end; labels of test sequences stay with the judge. Drawn sequences are new in
  every minibatch, those of the tests from a seed that the contestant cannot derive; images are some thousand, shown in
  shuffled order until the steps are over. What a method draws at random it may draw anew while it trains.

Common rules of `encode` and `decode`
  Inputs are stretches of tokens (datasets/gaussian_tokens.py) that start anywhere, new for every call, from a seed
  that the contestant cannot derive. The first call at a length is a warm-up and measures memory. Then the judge's clock
  takes 3 to 15 timings, short calls several in a row, in alternation with exact attention (torch's fused kernel, on the
  same device with the same number of threads) in the judge's own process, each after a pause in which the other's
  threads go to sleep. A timing includes a message there and back, some tenths of a millisecond. Jobs run alone on the
  machine, contestants have all its cores.
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

Metrics of `recall`
  `accuracy`: of test sequences, mean over the exercises (`raw` has each), and by exercise. Classes are equally
  frequent: a guess is right in 10 %. Of `lists` the outermost operation alone, the first token, gives about 25 %.
  Curves have accuracy by step. The rate is training tokens/s, sequences times their length; it is no ranked timing.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "long_sequence",
    "What do attentions cheaper than exact ones cost, on sequences how long, and what do they lose?",
    ("encode", "decode", "recall"),
)
