"""Forgetting: does a learner of several tasks keep what it learned of each?

Rules
  In `permuted` and `split` the contestant meets T tasks in order. For each it is called once, `learn(index, images,
  labels)`, with all training images of that task and no others. After each task the judge asks it to `predict` the test
  images of every task so far; the labels of those stay with the judge.
  `permuted` (domain-incremental): each task permutes the pixels of all images by its own fixed permutation, the first
    task too. One head, an MLP 100-100 without biases. The index is given to `predict`, but a single head has no use
    for it.
  `split` (task-incremental): each task has classes of its own and a head of its own, on a small convolutional network.
  Budget of both: epochs, batch size and learning rate are the setup's; every method trains by plain SGD.
  Memory: a method that keeps examples of earlier tasks keeps at most `setup.memory` of them, over all tasks; so does
    one that keeps a gradient of each example. In the quick tier their floats are of the order of GPM's. Whatever
    else a method keeps (bases, Fisher information, scores of kept examples) is its own choice, and it says how many
    floats all of it is: pixels, labels and scores count one each. Only `joint`, a reference, keeps everything.
  Batch-norm (paper tier of `split` only): running statistics are learned on the first task and frozen afterwards, for
    every method. GPM's released code normalises test data by test-batch statistics instead, which depends on how the
    test set is batched.
  `multilingual` (all tasks at once): one encoder-decoder Transformer translates from an English-like source into
    several languages, a tag before the source saying which. Each is a task; their gradients, of losses per token, may
    point apart. The setup fixes network, initial weights, vocabulary (byte-pair encoding of all training text), steps,
    sentences of each language in a step, optimiser and schedule; a method says what becomes of the tasks' gradients, or
    which sentences a step has. All weights are shared but for the tags, for each of which one task alone has a
    gradient, and keeps it plain. Updates are the mean over tasks, where papers write the sum: Adam does not tell them
    apart, the cut of long gradients does.
    Languages with few sentences have a tenth of the others'. Test sentences say what no training sentence of any
    language says. The judge holds references and scores text; a translation is greedy. It also asks for the inner
    products of the tasks' gradients, by layer, on training sentences that are the same for all methods: at the end of
    training and at half of the steps, a quarter and so on.

Metrics of the first two, with A[t, i] the test accuracy on task i after learning task t (Lopez-Paz & Ranzato 2017,
arXiv:1706.08840):
  ACC = mean_i A[T, i];  BWT = mean_{i<T} (A[T, i] - A[i, i]);  learning accuracy = mean_i A[i, i].
Of `multilingual`: BLEU and chrF of sacrebleu, of each language's test sentences against all right translations, mean
  over languages, and over those with few sentences; the share of pairs whose whole gradients have a negative cosine,
  that cosine within and across families, its rank correlation with lexical distance; time and floats of a step.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "forgetting",
    "Does it keep what it learned of each task while it learns the others?",
    ("permuted", "split", "multilingual"),
)
