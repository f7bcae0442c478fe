"""A small Transformer that classifies sequences, with the attention left to whoever builds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmark.learning.models.weights import initialise


class Attention(nn.Module, ABC):
    """What a layer does with the queries, keys and values of its heads.

    rate: the learning rate of its own parameters, not of its modules', over that of all others.
    """

    rate = 1.0

    @abstractmethod
    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        """Attend. q, k, v and the outputs: (batch, heads, length, dim);  tokens: (batch, length, width), the layer's
        normalised input, of which q, k and v are projections."""


class Layer(nn.Module):
    """Attention, then two linear layers with a GELU between, each after a layer norm and beside a skip connection."""

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.before_attention, self.before_hidden = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries, self.keys = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.values, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.hidden = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, attention: nn.Module, *, last: bool) -> Tensor:
        """x and what it becomes: (batch, length, width); if `last`, (batch, 1, width), the last token's alone."""
        tokens = self.before_attention(x)
        q, k, v = (
            projection(tokens).unflatten(2, (self._heads, -1)).transpose(1, 2)
            for projection in (self.queries, self.keys, self.values)
        )
        read = attention(q, k, v, tokens).transpose(1, 2).flatten(2)
        if last:
            x, read = x[:, -1:], read[:, -1:]
        x = x + self.out(read)
        whole: Tensor = x + self.hidden(self.before_hidden(x))
        return whole


class SequenceClassifier(nn.Module):
    """Scores (n, classes) of tokens (n, length, fields), whole numbers; they are read out at the last token.

    Embeddings of a token's fields and of its place, counted from the end, are added up. Initial weights follow from the
    generator, whatever the attention. Keys start as queries do, so that at first tokens attend to their like, as they
    come to in trained networks (Trockman, Kolter 2023, arXiv:2305.09828): it saves small networks the thousands of
    steps in which they learn just that. How strongly is for `query_size` to say: random features estimate long queries
    and keys badly.

    attention: makes that of the layer with the given index;  fields: how many values each field may have;  length: of
    the longest sequences;  query_size: initial length of queries and keys over that of the input;  place_size: initial
    standard deviation of what tells a token's place, that of what tells each field being 1
    """

    def __init__(
        self,
        attention: Callable[[int], Attention],
        *,
        fields: Sequence[int],
        length: int,
        classes: int,
        width: int,
        heads: int,
        layers: int,
        query_size: float,
        place_size: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.fields = nn.ModuleList(nn.Embedding(count, width) for count in fields)
        self.places = nn.Parameter(torch.empty(length, width))
        self.layers = nn.ModuleList(Layer(width=width, heads=heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        initialise(self, generator)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.startswith("fields"):
                    parameter.normal_(generator=generator)
                elif name.endswith("queries.weight"):
                    nn.init.orthogonal_(parameter, gain=query_size, generator=generator)
            self.places.normal_(std=place_size, generator=generator)
            for layer in self.layers:
                layer.get_submodule("keys").load_state_dict(layer.get_submodule("queries").state_dict())
        self.attentions = nn.ModuleList(attention(index) for index in range(layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        x: Tensor = self.places[-tokens.shape[1] :]
        for embedding, field in zip(self.fields, tokens.long().unbind(2), strict=True):
            x = x + embedding(field)
        final = len(self.layers) - 1
        for index, (layer, attention) in enumerate(zip(self.layers, self.attentions, strict=True)):
            x = layer(x, attention, last=index == final)
        scores: Tensor = self.head(self.norm(x[:, 0]))
        return scores
