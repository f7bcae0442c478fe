"""Long sequences: exact attention costs the square of the length. What do attentions that cost less give, and where?

Rules of `encode`
  Every token attends to all tokens. A contestant gets queries, keys and values (batch, heads, length, dim), float32,
  and returns the outputs (`forward`), or the gradients of a weighted sum of them (`gradients`). What it draws at
  random, as projections, it draws once. The ranked lengths end at 8,192; beyond, a length is tried where a call should
  take less than the tier's `longest` seconds, of the method and of exact attention.

Rules of `decode`
  Generation: a token attends to itself and those before it. A contestant `read`s stretches of a prompt at once and then
  makes `step`s of one token, at rising positions; it says how many bytes it keeps (`state_bytes`).

Rules of `recall`
  The same small Transformer (transformer.py) learns two exercises, each from its initial weights:
  `recall`, pairs of a key and a value, then a key: which value came with it (datasets/associative_recall.py), on a
  ladder of numbers of pairs; and `pixels`, the grey pixels of an image row by row: of which of ten classes. A sequence
  ends in a token that asks, at which the network answers: an attention that does not bring far tokens there is blind.
  One network learns the whole ladder: again and again it goes up, some minibatches on each rung, and is scored on each
  rung by itself. Keys of every rung are any of the longest's, and places count from the end.
  Every token may attend to all tokens; a method which by its nature sees the past alone, as a gate does, does so here:
  for the last token that is everything.
  The setup fixes all but the attention: sizes, initial weights, number of steps, batch size, the highest learning rate;
  the harness the optimiser and its schedule (learner.py). A method may only name another rate, of five that were tried
  for each (docs/tuning/recall.md), and one for its attention's own parameters. Features of one token are four times a
  head's dimensions, also where two make up one row; what compresses or cuts the length keeps 16 tokens. `blind` has the
  mean of all values, and is a bound.
  The judge hands out minibatches in an order that is the same for all methods, and asks for `classify` in between and
  at the end; labels of test sequences stay with the judge. Drawn sequences are new in every minibatch, those of the
  tests from a seed that the contestant cannot derive; images are some thousand, shown in shuffled order until the steps
  are over. What a method draws at random it may draw anew while it trains.

Common rules of `encode` and `decode`
  Inputs are stretches of tokens (datasets/gaussian_tokens.py) that start anywhere, new for every call, from a seed
  that the contestant cannot derive. Seeds change nothing in a time: rounds stand in their place, five at least. A
  round has the machine to itself and starts every method anew, each in its process with all the machine's cores, and
  two processes of the anchor, exact attention by torch's fused kernel. They take turns on the same inputs: the first
  anchor, every method, the last anchor; each turn another method begins, each timing comes after a pause in which the
  others' threads go to sleep. So all are compared with one and the same series of exact attention, the geometric mean
  of the two processes, and drift of the machine is shared. A timing includes a message there and back, some tenths of a
  millisecond; so does the anchor's. `softmax` is what the anchor is, and comes out at 1.
  At each length or position a first turn warms up and measures memory; then follow timings, short calls several in a
  row. A call of a tenth of a second or more counts from the first, and none is timed for longer than tells something.
  Outputs of timed calls are compared with exact attention in a sample of rows; the same inputs must give the same
  outputs again, and gradients must be the outputs' derivatives. Who fails is out of the round, and costs no other.
  The grade: one anchor against the other, an A/A test between two processes. A round in which they differ by more than
  the tier's limit is kept, in doubt, and taken again by the next run of the same command. A method ranks by its rounds
  beyond doubt, four at least. One that is added later runs beside the anchor alone, and joins by its ratio to it.
  `estimates`: a method says whether its weights are an estimate of exact attention's; only then an error is shown.
  `blind`, the mean of the values, stands beside: an error like its own is that of seeing nothing.
  A length that runs out of memory is recorded as such if it is beyond the ranked ones; at a ranked one the job fails.

Metrics of `encode`
  `speed_up` over exact attention, geometric mean over the ranked lengths (`raw` has each), `gradient_speed_up` the
  same forward and backward on the tier's shorter list; `error` of outputs, root mean square over the sample relative to
  exact attention's, mean over lengths; `memory` at the longest ranked length: inputs, outputs, and what the call needed
  beyond; `noise` of the A/A test. Curves have tokens/s, speed-up, error and bytes by length; tokens are those of the
  batch.

Metrics of `decode`
  `speed_up` over exact attention with cached keys and values, geometric mean over positions; `slow_down`, seconds of a
  step at the last position over those at the first; `state` at the last position; `error` and `noise` as above.

Metrics of `recall`
  `accuracy`: of test sequences, mean over the exercises (`raw` has each), and by exercise; that of `recall` is the mean
  over the ladder (`raw` has each rung). Classes are equally frequent: a guess is right in 10 %. Who knows which values
  a sequence has, and not where, is right more often, the fewer there are.
  Curves have accuracy by step, and in the end by number of pairs (`ladder`). The rate is training tokens/s, sequences
  times their length; it is no ranked timing.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "long_sequence",
    "What do attentions cheaper than exact ones cost, on sequences how long, and what do they lose?",
    ("encode", "decode", "recall"),
)
