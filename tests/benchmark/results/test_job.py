from __future__ import annotations

import pytest

from benchmark.errors import UsageError
from benchmark.results.job import Job, Tier


def job(**fields: object) -> Job:
    return Job(**({"track": "forgetting.permuted", "method": "a-gem", "tier": "quick", "seed": 3} | fields))  # type: ignore[arg-type]


def test_words() -> None:
    assert str(job()) == "forgetting.permuted/a-gem/quick-3"
    assert job().task == "forgetting"
    assert job().stem == "forgetting/permuted/a-gem/quick-3"
    assert (job().base_tier, job().data) == ("quick", "")


def test_another_dataset() -> None:
    other = job(tier="standard@fashion-mnist")
    assert (other.base_tier, other.data) == ("standard", "fashion-mnist")
    assert other.stem == "forgetting/permuted/a-gem/standard@fashion-mnist-3"
    assert str(other) == "forgetting.permuted/a-gem/standard@fashion-mnist-3"


def test_a_tier_is_its_word() -> None:
    assert job(tier=Tier.PAPER) == job(tier="paper")
    assert str(job(tier=Tier.PAPER)) == "forgetting.permuted/a-gem/paper-3"


def test_jobs_compare_sort_and_hash() -> None:
    assert {job(), job()} == {job()}
    assert sorted([job(seed=10), job(seed=9), job(method="a")]) == [job(method="a"), job(seed=9), job(seed=10)]


@pytest.mark.parametrize("name", ["a", "0", "er_2", "a-gem", "3d"])
def test_good_names(name: str) -> None:
    assert job(method=name).method == name
    assert job(track=f"{name}.{name}").task == name


@pytest.mark.parametrize("name", ["", "GPM", "-a", "_a", "a b", "a/b", "..", "a.b", "é", "a\n", "a@b", "٣"])
def test_bad_names(name: str) -> None:
    for kind, fields in (
        ("method", {"method": name}),
        ("track", {"track": f"{name}.permuted"}),
        ("dataset", {"tier": f"quick@{name}"}),
    ):
        with pytest.raises(
            UsageError, match=rf"^{kind} name .* in job [\s\S]*: use lower-case letters, digits, '-' and '_'"
        ):
            job(**fields)


@pytest.mark.parametrize("track", ["forgetting", "forgetting.", ".permuted", "a.b.c"])
def test_a_track_is_task_and_name(track: str) -> None:
    with pytest.raises(UsageError, match="track name"):
        job(track=track)


@pytest.mark.parametrize("tier", ["", "huge", "Quick", "@mnist"])
def test_unknown_tiers(tier: str) -> None:
    with pytest.raises(UsageError, match=r"no tier '.*'; known: smoke, quick, standard, paper"):
        job(tier=tier)


def test_negative_seed() -> None:
    with pytest.raises(UsageError, match="seed -1 is negative; seeds count from 0"):
        job(seed=-1)
