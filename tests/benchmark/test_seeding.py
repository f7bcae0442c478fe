from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark.seeding import Draw, derive, generator, numpy_generator

PATHS = st.lists(st.integers() | st.text(alphabet="ab:.int"), max_size=4)


def test_pinned() -> None:
    """These numbers decide all data: if they change, no record can be compared with an earlier one."""
    assert derive(0, "forgetting.permuted", "train") == 1860849372555430494
    assert derive(7, "forgetting.split", "classes", 3) == 3809542548623035497
    assert generator(0, "a").initial_seed() == derive(0, "a")
    assert torch.randint(1000, (4,), generator=generator(0, "a")).tolist() == [28, 827, 576, 140]
    assert numpy_generator(0, "a").integers(1000, size=4).tolist() == [470, 503, 995, 134]


@given(PATHS)
def test_seeds_are_63_bits(path: list[int | str]) -> None:
    assert 0 <= derive(*path) < 2**63


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1,), ("1",)),
        (("a", "bc"), ("ab", "c")),
        (("a", "b"), ("b", "a")),
        ((1, 2), (12,)),
        ((), ("",)),
        (("a",), ("a", "")),
        ((0, "train"), (1, "train")),
    ],
)
def test_different_paths_have_different_seeds(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> None:
    assert derive(*one) != derive(*other)


def test_generators_are_reproducible_and_independent() -> None:
    first, second = generator(0, "a"), generator(0, "b")
    alone = torch.rand(5, generator=generator(0, "a"))
    torch.rand(100, generator=second)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(5, generator=first), alone)
    assert not torch.equal(torch.rand(5, generator=generator(0, "b")), alone)
    assert numpy_generator(0, "a").random(5).tolist() == numpy_generator(0, "a").random(5).tolist()
    assert numpy_generator(0, "a").random(5).tolist() != numpy_generator(0, "b").random(5).tolist()


def test_drawing_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(3, generator=generator(1, "a"))
    assert torch.equal(torch.get_rng_state(), before)


class TestDraw:
    """Where the data of one job come from."""

    DRAW = Draw("forgetting.permuted", 3, "local", "cpu")

    def test_its_paths(self) -> None:
        """They decide all data, as `derive` does."""
        assert self.DRAW.path("permutation", 1) == (3, "forgetting.permuted", "permutation", 1)
        assert self.DRAW.secret_path("test") == (3, "forgetting.permuted", "test", "local")
        assert self.DRAW.path() == (3, "forgetting.permuted")

    def test_its_generators_are_those_of_its_paths(self) -> None:
        for drawn, path in [
            (self.DRAW.generator("weights", 2), self.DRAW.path("weights", 2)),
            (self.DRAW.secret("episodes"), self.DRAW.secret_path("episodes")),
        ]:
            assert drawn.initial_seed() == derive(*path)
            assert drawn.device == torch.device("cpu")

    @pytest.mark.parametrize("changes", [{"track": "forgetting.split"}, {"seed": 4}])
    def test_track_and_seed_decide_both_streams(self, changes: dict[str, Any]) -> None:
        other = replace(self.DRAW, **changes)
        assert other.path("a") != self.DRAW.path("a")
        assert other.secret_path("a") != self.DRAW.secret_path("a")

    def test_only_secret_streams_know_the_salt(self) -> None:
        fresh = replace(self.DRAW, salt="fresh")
        assert fresh.path("a") == self.DRAW.path("a")
        assert fresh.secret_path("a") != self.DRAW.secret_path("a")
        assert self.DRAW.path("a") != self.DRAW.secret_path("a")

    def test_the_device_decides_nothing(self) -> None:
        elsewhere = replace(self.DRAW, device="cuda:0")
        assert elsewhere.path("a") == self.DRAW.path("a")
        assert elsewhere.secret_path("a") == self.DRAW.secret_path("a")
        assert elsewhere.generator("a").device == torch.device("cpu")
