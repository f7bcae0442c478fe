"""The stacked Transformer: gradients by task, translation with kept keys, padding."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from benchmark.tasks.forgetting.translation.network import BEGIN, END, PAD, Shape, Translator

SHAPE = Shape(vocabulary=30, tags=3, width=16, heads=4, layers=2, length=9)


@pytest.fixture
def network() -> Translator:
    return Translator(SHAPE)


def weights(network: Translator, seed: int = 0) -> Tensor:
    return network.initial(torch.Generator().manual_seed(seed))


def rows(m: int, n: int, *, framed: bool = False, seed: int = 1) -> Tensor:
    """Sentences (m, n, length) of two to six tokens."""
    rng = torch.Generator().manual_seed(seed)
    made = torch.full((m, n, SHAPE.length), PAD)
    for row in made.flatten(0, 1):
        tokens = torch.randint(4, 30, (int(torch.randint(2, 7, (1,), generator=rng)),), generator=rng)
        whole = torch.tensor([BEGIN, *tokens.tolist(), END]) if framed else tokens
        row[: len(whole)] = whole
    return made


def tags(m: int, n: int) -> Tensor:
    return torch.arange(m).unsqueeze(1).expand(m, n)


def mean_losses(network: Translator, stack: Tensor, sources: Tensor, targets: Tensor, tags: Tensor) -> Tensor:
    losses, tokens = network.losses(stack, sources, targets, tags)
    return losses.sum(1) / tokens.sum(1)


def test_the_vector_holds_all_tensors_layer_by_layer(network: Translator) -> None:
    assert sum(network.sizes) == network.shared == len(weights(network)) - SHAPE.tags * SHAPE.width
    assert network.layers[0] == "embedding"
    assert network.layers[-1] == "head"
    assert len(network.layers) == 2 + 2 * SHAPE.layers
    sizes = [*network.sizes, SHAPE.tags * SHAPE.width]
    marked = torch.cat([torch.full((size,), float(place)) for place, size in enumerate(sizes)])
    for name, tensor in network.unpack(marked.unsqueeze(0)).items():
        layer = next(place for place, layer in enumerate([*network.layers, "own"]) if name.startswith(layer))
        assert (tensor == layer).all()


def test_one_backward_gives_each_task_its_own_gradient(network: Translator) -> None:
    """As m backward passes do, each through the loss of one task alone."""
    m, n = 3, 4
    sources, targets, of = rows(m, n), rows(m, n, framed=True, seed=2), tags(m, n)
    stack = weights(network).expand(m, -1).requires_grad_()
    means = mean_losses(network, stack, sources, targets, of)
    (together,) = torch.autograd.grad(means.sum(), stack)
    for task in range(m):
        alone = weights(network).unsqueeze(0).requires_grad_()
        part = slice(task, task + 1)
        loss = mean_losses(network, alone, sources[part], targets[part], of[part])
        torch.testing.assert_close(loss[0], means[task])
        (gradient,) = torch.autograd.grad(loss.sum(), alone)
        torch.testing.assert_close(together[task], gradient[0], rtol=1e-4, atol=1e-6)
        assert gradient.abs().sum() > 0


def test_a_task_has_no_gradient_for_the_tags_of_others(network: Translator) -> None:
    m, n = 3, 4
    stack = weights(network).expand(m, -1).requires_grad_()
    means = mean_losses(network, stack, rows(m, n), rows(m, n, framed=True, seed=2), tags(m, n))
    (gradient,) = torch.autograd.grad(means.sum(), stack)
    own = network.unpack(gradient)["own.tags"].abs().sum(2)
    assert torch.equal(own > 0, torch.eye(m, dtype=torch.bool))


def test_padding_decides_nothing(network: Translator) -> None:
    stack, sources, targets = weights(network).unsqueeze(0), rows(1, 5), rows(1, 5, framed=True, seed=2)
    losses, tokens = network.losses(stack, sources, targets, tags(1, 5))
    short = int((sources != PAD).sum(2).max()), int((targets != PAD).sum(2).max())
    cut, same = network.losses(stack, sources[..., : short[0]], targets[..., : short[1]], tags(1, 5))
    torch.testing.assert_close(losses, cut)
    assert torch.equal(tokens, same)
    assert torch.equal(tokens, (targets != PAD).sum(2) - 1)


def test_what_is_written_later_decides_nothing_earlier(network: Translator) -> None:
    """The loss of a sentence's first tokens does not depend on those that follow."""
    stack, sources, targets = weights(network).unsqueeze(0), rows(1, 5), rows(1, 5, framed=True, seed=2)
    whole = targets[..., :3]
    before, _ = network.losses(stack, sources, whole, tags(1, 5))
    changed = whole.clone()
    changed[..., 2] = 5
    after, _ = network.losses(stack, sources, changed, tags(1, 5))
    first, _ = network.losses(stack, sources, whole[..., :2], tags(1, 5))
    assert not torch.allclose(before, after)
    assert (before > first).all()


def greedy(network: Translator, stack: Tensor, sources: Tensor, of: Tensor) -> Tensor:
    """Translations word by word, each time through the whole network: the loss says how likely a word is."""
    n = sources.shape[1]
    said = torch.full((1, n, 1), BEGIN)
    done = torch.zeros(1, n, dtype=torch.bool)
    for _ in range(SHAPE.length):
        costs = []
        for word in range(SHAPE.vocabulary):
            longer = torch.cat([said, torch.full((1, n, 1), word)], 2)
            # PAD is not scored, so a place that pads takes no part.
            costs.append(
                network.losses(stack, sources, longer, of)[0] if word != PAD else torch.full((1, n), torch.inf)
            )
        best = torch.stack(costs).argmin(0).masked_fill(done, PAD)
        said = torch.cat([said, best.unsqueeze(2)], 2)
        done |= best == END
    return said[..., 1:]


def test_kept_keys_change_no_translation(network: Translator) -> None:
    stack = 2 * weights(network, seed=4).unsqueeze(0)
    network.unpack(stack)["head.bias"][0, PAD] = -1e9
    sources, of = rows(1, 6), tags(3, 6)[1:2]
    written = network.translate(stack, sources, of)
    lengths = [(row == END).nonzero()[0].item() if (row == END).any() else len(row) for row in written[0]]
    expected = greedy(network, stack, sources, of)
    for row, length, wanted in zip(written[0], lengths, expected[0], strict=True):
        assert torch.equal(row[:length], wanted[:length])
        assert (row[length + 1 :] == PAD).all()
    assert len({tuple(row.tolist()) for row in written[0]}) > 1


def test_rows_of_the_stack_translate_with_their_own_weights(network: Translator) -> None:
    stack = torch.stack([weights(network, seed) for seed in range(3)])
    sources = rows(3, 4)
    together = network.translate(stack, sources, tags(3, 4))
    for task in range(3):
        alone = network.translate(stack[task : task + 1], sources[task : task + 1], tags(3, 4)[task : task + 1])
        assert torch.equal(together[task], alone[0])
    assert any(not torch.equal(a, b) for a, b in pairwise(together))


def test_weights_follow_from_the_generator(network: Translator) -> None:
    assert torch.equal(weights(network), weights(network))
    assert not torch.equal(weights(network), weights(network, seed=1))
