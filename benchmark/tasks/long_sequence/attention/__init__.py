"""Attention at a cost linear in the length, and the exact one it is measured against.

`features` has the feature maps of random-feature and kernel attention, `linear` the attention that any of them gives
(bidirectional, causal, and step by step with a state of constant size), `softmax` exact attention by torch's kernels.
Tensors are (batch, heads, length, dim) throughout.
"""
