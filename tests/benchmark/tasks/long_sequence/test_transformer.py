"""The small Transformer of `long_sequence.recall`: where its weights start, and what it reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.long_sequence import recall
from benchmark.tasks.long_sequence.exercises import EXERCISES, Exercise
from benchmark.tasks.long_sequence.recall import RecallBudget, RecallSetup
from benchmark.tasks.long_sequence.transformer import Attention

plugins.load_datasets()
BUDGET: RecallBudget = replace(recall.track.tiers[Tier.SMOKE], layers=2)  # type: ignore[assignment]


def prepare(seed: int = 0) -> dict[str, Exercise]:
    found: dict[str, Exercise] = recall.track.rules.prepare(
        BUDGET, Source.of(catalogue.find("glyphs")), Draw(recall.track.name, seed, "local", "cpu")
    )
    return found


def setup(seed: int = 0) -> RecallSetup:
    told = recall.track.setup(
        seed=seed, track=recall.track.name, device_name="cpu", **recall.track.rules.tell(BUDGET, prepare(seed))
    )
    assert isinstance(told, RecallSetup)
    return told


class Mean(Attention):
    """Of all values; with parameters of its own, which draw nothing from the setup's generators."""

    def __init__(self) -> None:
        super().__init__()
        self.own = torch.nn.Linear(3, 3)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        return v.mean(2, keepdim=True).expand_as(v)


class First(Attention):
    """The first value."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        return v[:, :, :1].expand_as(v)


class TestModel:
    def test_initial_weights_do_not_depend_on_the_attention(self) -> None:
        told = setup()
        one, other = (told.model("recall", lambda layer, kind=kind: kind()).state_dict() for kind in (Mean, First))
        assert set(one) - set(other) == {
            f"attentions.{layer}.own.{name}" for layer in (0, 1) for name in ("weight", "bias")
        }
        assert all(torch.equal(one[name], other[name]) for name in other)
        assert not torch.equal(one["places"], setup(1).model("recall", lambda layer: Mean()).state_dict()["places"])

    def test_queries_and_keys_start_alike_and_as_large_as_said(self) -> None:
        told = setup()
        for name, size, place in zip(EXERCISES, told.query_sizes, told.place_sizes, strict=True):
            model = told.model(name, lambda layer: Mean())
            for layer in model.layers:
                queries, keys = layer.queries.weight, layer.keys.weight  # type: ignore[union-attr]
                assert torch.equal(queries, keys)
                assert torch.allclose(queries @ queries.T, size**2 * torch.eye(told.width), atol=1e-5)
            assert float(model.places.detach().std()) == pytest.approx(place, rel=0.1)

    def test_it_reads_out_at_the_last_token(self) -> None:
        """What an attention does not bring there, it does not see."""
        told, tokens = setup(), prepare()["recall"].tests[-1].tokens[:5]
        changed = tokens.clone()
        changed[:, 3] = (changed[:, 3] + 1) % 10
        blind, seeing = (told.model("recall", lambda layer, kind=kind: kind()) for kind in (First, Mean))
        assert torch.equal(blind(changed), blind(tokens))
        assert float((seeing(changed) - seeing(tokens)).detach().abs().min(1).values.max()) > 0
        changed = tokens.clone()
        changed[:, -1, 0] = (changed[:, -1, 0] + 1) % 10
        assert not torch.allclose(blind(changed), blind(tokens))

    def test_places_count_from_the_end(self) -> None:
        """A question after fewer pairs is at the place where it always is."""
        model, tokens = setup().model("recall", lambda layer: First()), prepare()["recall"].tests[0].tokens[:5]
        length = tokens.shape[1]
        assert len(model.places) > length
        scores = model(tokens)
        with torch.no_grad():
            model.places[:-length] += 1
        assert torch.equal(model(tokens), scores)
        with torch.no_grad():
            model.places[-1, 0] += 1
        assert not torch.allclose(model(tokens), scores)

    def test_the_last_layer_alone_saves_the_other_tokens(self) -> None:
        """Scores are those of all tokens carried through."""
        told, tokens = setup(), prepare()["recall"].tests[-1].tokens[:5]
        model = told.model("recall", lambda layer: Mean())
        x = model.places
        for embedding, field in zip(model.fields, tokens.unbind(2), strict=True):
            x = x + embedding(field)
        for layer, attention in zip(model.layers, model.attentions, strict=True):
            x = layer(x, attention, last=False)
        assert torch.allclose(model(tokens), model.head(model.norm(x))[:, -1], atol=1e-6)
