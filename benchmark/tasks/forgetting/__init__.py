"""Forgetting: does a learner that meets tasks one after another keep what it learned first?

Rules
  The contestant meets T tasks in order. For each it is called once, `learn(index, images, labels)`, with all training
  images of that task and no others. After each task the judge asks it to `predict` the test images of every task so
  far; the labels of those stay with the judge.
  `permuted` (domain-incremental): each task permutes the pixels of all images by its own fixed permutation, the first
    task too. One head, an MLP 100-100 without biases. The index is given to `predict`, but a single head has no use
    for it.
  `split` (task-incremental): each task has classes of its own and a head of its own, on a small convolutional network.
  Budget: epochs, batch size and learning rate are the setup's; every method trains by plain SGD.
  Memory: a method that keeps examples of earlier tasks keeps at most `setup.memory` of them, over all tasks; so does
    one that keeps a gradient of each example. In the quick tier their floats are of the order of GPM's. Whatever
    else a method keeps (bases, Fisher information, scores of kept examples) is its own choice, and it says how many
    floats all of it is: pixels, labels and scores count one each. Only `joint`, a reference, keeps everything.
  Batch-norm (paper tier of `split` only): running statistics are learned on the first task and frozen afterwards, for
    every method. GPM's released code normalises test data by test-batch statistics instead, which depends on how the
    test set is batched.

Metrics, with A[t, i] the test accuracy on task i after learning task t (Lopez-Paz & Ranzato 2017, arXiv:1706.08840):
  ACC = mean_i A[T, i];  BWT = mean_{i<T} (A[T, i] - A[i, i]);  learning accuracy = mean_i A[i, i].
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task("forgetting", "Does it keep what it learned first while it learns what comes next?", ("permuted", "split"))
