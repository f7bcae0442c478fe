"""A small encoder-decoder Transformer over a stack of tasks, whose gradients come apart by task in one backward pass.

All weights lie in one vector. A stack of m tasks reads the same vector m times, as a tensor (m, weights), and batches
(m, n, ...) meet a copy each: so the gradient with respect to the stack is that of every task by itself, (m, weights).
The same code trains m networks at once if the m rows differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PAD, BEGIN, END = 0, 1, 2
"""Tokens that stand for nothing, for the start and for the end of a sentence."""
OWN = "own"
"""The layer of weights that belong to a task each."""
PLACE_SIZE = 3.0
"""What tells a token's place over what tells the token, in the initial weights' standard deviation."""

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a network. vocabulary: tokens, of source and target alike;  tags: target languages;  hidden: width between a
    layer's two linear maps;  length: tokens of the longest sentence."""

    vocabulary: int
    tags: int
    width: int
    heads: int
    layers: int
    length: int

    def parameters(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """The shape of each tensor, by layer and name: the layers that all tasks share, then what is one task's own."""
        d = self.width
        ends: dict[str, tuple[int, ...]] = {
            "tokens": (self.vocabulary, d), "source_places": (self.length, d),
            "target_places": (self.length, d),
        }  # fmt: skip
        hidden: dict[str, tuple[int, ...]] = {
            "norm": (2, d),
            "in": (d, 2 * d),
            "in_bias": (2 * d,),
            "out": (2 * d, d),
            "out_bias": (d,),
        }
        attention: dict[str, tuple[int, ...]] = {"norm": (2, d), "qkv": (d, 3 * d), "out": (d, d)}
        crossing: dict[str, tuple[int, ...]] = {"norm": (2, d), "q": (d, d), "kv": (d, 2 * d), "out": (d, d)}
        encoder = {f"own.{k}": v for k, v in attention.items()} | {f"hidden.{k}": v for k, v in hidden.items()}
        decoder = encoder | {f"cross.{k}": v for k, v in crossing.items()}
        return {
            "embedding": ends,
            **{f"encoder.{index}": encoder for index in range(self.layers)},
            **{f"decoder.{index}": decoder for index in range(self.layers)},
            "head": {"encoded.norm": (2, d), "norm": (2, d), "bias": (self.vocabulary,)},
            OWN: {"tags": (self.tags, d)},
        }


class Translator:
    """The functions of a network; it holds no weights.

    layers: names of those that all tasks share, in the vector's order, what "all-layer" corrections keep apart;  sizes:
    of each one's part of the vector;  shared: of all these parts, with which the vector begins; tags follow.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        tensors = shape.parameters()
        self.layers = tuple(layer for layer in tensors if layer != OWN)
        self._encoder = self.layers[1 : 1 + shape.layers]
        self._decoder = self.layers[1 + shape.layers : -1]
        self._shapes = {f"{layer}.{name}": size for layer, of in tensors.items() for name, size in of.items()}
        self._counts = [math.prod(size) for size in self._shapes.values()]
        self.sizes = tuple(sum(math.prod(size) for size in tensors[layer].values()) for layer in self.layers)
        self.shared = sum(self.sizes)

    def initial(self, generator: torch.Generator) -> Tensor:
        """Weights (weights,) of a new network.

        Matrices are Glorot's, embeddings normal with a standard deviation of 1 / sqrt(width). Keys start as queries do,
        and the places of source and target as each other, so that at first a token attends to its like and to its
        place: small networks else spend most of a short training on learning just that.
        """
        made = torch.empty(1, sum(self._counts))
        w = self.unpack(made)
        for name, tensor in w.items():
            if name.endswith("norm"):
                tensor.copy_(torch.tensor([[1.0], [0.0]]))
            elif tensor.ndim == 2:
                tensor.zero_()
            else:
                spread = (
                    tensor.shape[2] ** -0.5
                    if name.startswith(("embedding", OWN))
                    else (2 / sum(tensor.shape[1:])) ** 0.5
                )
                tensor.normal_(std=spread, generator=generator)
        d = self.shape.width
        w["embedding.source_places"].mul_(PLACE_SIZE)
        w["embedding.target_places"].copy_(w["embedding.source_places"])
        for name in w:
            queries = w[name][0, :, :d] if name.endswith((".qkv", ".q")) else None
            if queries is not None:
                queries.copy_(torch.nn.init.orthogonal_(torch.empty(d, d), generator=generator))
            if name.endswith(".qkv"):
                w[name][0, :, d : 2 * d] = w[name][0, :, :d]
            if name.endswith(".q"):
                w[f"{name.removesuffix('q')}kv"][0, :, :d] = w[name][0]
        return made[0]

    def unpack(self, stack: Tensor) -> dict[str, Tensor]:
        """The tensors (m, ...) of weights (m, weights), by name."""
        parts = stack.split(self._counts, dim=1)
        return {n: p.unflatten(1, s) for (n, s), p in zip(self._shapes.items(), parts, strict=True)}

    def losses(self, stack: Tensor, sources: Tensor, targets: Tensor, tags: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy (m, n) of each sentence, summed over its tokens, and their number (m, n).

        stack: (m, weights);  sources, targets: (m, n, length) int64, the latter from BEGIN to END;  tags: (m, n) int64
        """
        w = self.unpack(stack)
        memory, counts = self.encode(w, sources, tags)
        x = self._embedded(w, targets[..., :-1], "target_places", 0)
        before = torch.ones(x.shape[2], x.shape[2], dtype=torch.bool, device=x.device).tril()
        for layer in self._decoder:
            x = x + self._own(w, f"{layer}.own", x, before)
            x = x + self._cross(w, f"{layer}.cross", x, self._keys(w, layer, memory), counts)
            x = x + _hidden(w, f"{layer}.hidden", x)
        wanted = targets[..., 1:]
        scores = self._scores(w, x).flatten(0, 2)
        loss = F.cross_entropy(scores, wanted.flatten(), ignore_index=PAD, reduction="none").view(wanted.shape)
        return loss.sum(2), (wanted != PAD).sum(2)

    def encode(self, w: Weights, sources: Tensor, tags: Tensor) -> tuple[Tensor, Tensor]:
        """Encoded tokens (m, n, 1 + length, width), the target's tag before them, and a mask of those that count."""
        x = self._embedded(w, sources, "source_places", 0)
        tag = _looked_up(w[f"{OWN}.tags"], tags.unsqueeze(2)) * self.shape.width**0.5
        x = torch.cat([tag, x], 2)
        counts = torch.cat([torch.ones_like(sources[..., :1], dtype=torch.bool), sources != PAD], 2)
        mask = counts.flatten(0, 1)[:, None, None]
        for layer in self._encoder:
            x = x + self._own(w, f"{layer}.own", x, mask)
            x = x + _hidden(w, f"{layer}.hidden", x)
        return _normed(x, w["head.encoded.norm"]), mask

    @torch.no_grad()
    def translate(self, stack: Tensor, sources: Tensor, tags: Tensor) -> Tensor:
        """Greedy translations (m, n, length) int64 without BEGIN, PAD after END.

        Keys and values of what is written already are kept, so that a token costs one row.
        """
        w = self.unpack(stack)
        memory, counts = self.encode(w, sources, tags)
        crossed = [self._keys(w, layer, memory) for layer in self._decoder]
        m, n = sources.shape[:2]
        heads, dim = self.shape.heads, self.shape.width // self.shape.heads
        kept = stack.new_empty(len(self._decoder), 2, m * n, heads, self.shape.length, dim)
        token = torch.full((m, n, 1), BEGIN, device=sources.device)
        written = torch.full((m, n, self.shape.length), PAD, device=sources.device)
        done = torch.zeros(m, n, 1, dtype=torch.bool, device=sources.device)
        for place in range(self.shape.length):
            x = self._embedded(w, token, "target_places", place)
            for index, layer in enumerate(self._decoder):
                q, k, v = self._projected(_normed(x, w[f"{layer}.own.norm"]), w[f"{layer}.own.qkv"], 3)
                kept[index, 0, :, :, place], kept[index, 1, :, :, place] = k.squeeze(2), v.squeeze(2)
                read = F.scaled_dot_product_attention(q, *kept[index, ..., : place + 1, :])
                x = x + _linear(self._merged(read, m), w[f"{layer}.own.out"])
                x = x + self._cross(w, f"{layer}.cross", x, crossed[index], counts)
                x = x + _hidden(w, f"{layer}.hidden", x)
            token = self._scores(w, x).argmax(3).masked_fill(done, PAD)
            written[..., place] = token.squeeze(2)
            done |= token == END
            if bool(done.all()):
                break
        return written

    def _embedded(self, w: Weights, tokens: Tensor, places: str, first: int) -> Tensor:
        at = w[f"embedding.{places}"][:, None, first : first + tokens.shape[2]]
        x: Tensor = _looked_up(w["embedding.tokens"], tokens) * self.shape.width**0.5 + at
        return x

    def _own(self, w: Weights, name: str, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = self._projected(_normed(x, w[f"{name}.norm"]), w[f"{name}.qkv"], 3)
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return _linear(self._merged(read, len(x)), w[f"{name}.out"])

    def _keys(self, w: Weights, layer: str, memory: Tensor) -> list[Tensor]:
        return self._projected(memory, w[f"{layer}.cross.kv"], 2)

    def _cross(self, w: Weights, name: str, x: Tensor, kv: list[Tensor], mask: Tensor) -> Tensor:
        (q,) = self._projected(_normed(x, w[f"{name}.norm"]), w[f"{name}.q"], 1)
        read = F.scaled_dot_product_attention(q, kv[0], kv[1], attn_mask=mask)
        return _linear(self._merged(read, len(x)), w[f"{name}.out"])

    def _scores(self, w: Weights, x: Tensor) -> Tensor:
        """Scores (m, n, length, vocabulary); the last linear map is the tokens' embedding (Press, Wolf 2017)."""
        scores: Tensor = _linear(_normed(x, w["head.norm"]), w["embedding.tokens"].mT) + w["head.bias"][:, None, None]
        return scores

    def _projected(self, x: Tensor, weight: Tensor, count: int) -> list[Tensor]:
        """`count` tensors (m * n, heads, length, dim) of x (m, n, length, width)."""
        made = _linear(x, weight).flatten(0, 1).unflatten(2, (count, self.shape.heads, -1))
        return [part.transpose(1, 2) for part in made.unbind(2)]

    @staticmethod
    def _merged(read: Tensor, m: int) -> Tensor:
        merged: Tensor = read.transpose(1, 2).flatten(2).unflatten(0, (m, -1))
        return merged


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """x (m, n, length, a) times weight (m, a, b)."""
    made: Tensor = torch.bmm(x.flatten(1, 2), weight).unflatten(1, x.shape[1:3])
    return made


def _hidden(w: Weights, name: str, x: Tensor) -> Tensor:
    wide = _linear(_normed(x, w[f"{name}.norm"]), w[f"{name}.in"]) + w[f"{name}.in_bias"][:, None, None]
    narrow: Tensor = _linear(F.relu(wide), w[f"{name}.out"]) + w[f"{name}.out_bias"][:, None, None]
    return narrow


def _normed(x: Tensor, scale_and_shift: Tensor) -> Tensor:
    scale, shift = scale_and_shift[:, :, None, None].unbind(1)
    normed: Tensor = F.layer_norm(x, x.shape[-1:]) * scale + shift
    return normed


def _looked_up(table: Tensor, index: Tensor) -> Tensor:
    """Rows of each task's table (m, count, width) at index (m, n, length)."""
    m, count, _ = table.shape
    first = torch.arange(m, device=index.device).view(-1, 1, 1) * count
    rows: Tensor = F.embedding(index + first, table.flatten(0, 1))
    return rows
