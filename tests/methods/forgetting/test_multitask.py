"""Each method of `forgetting.multilingual` against what its paper says, on gradients that are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.tasks import find_track
from benchmark.tasks.forgetting.translation.gram import corrected, cosines, orders
from benchmark.tasks.forgetting.translation.interface import MultilingualSetup
from benchmark.tasks.forgetting.translation.learner import by_layer, per_task
from benchmark.tasks.forgetting.translation.network import BEGIN, END, PAD

M, LENGTH = 3, 8
SETUP = MultilingualSetup(
    seed=0, track="forgetting.multilingual", device_name="cpu", languages=M, vocabulary=20, length=LENGTH, width=8,
    heads=2, layers=1, steps=20, batch_size=4, learning_rate=0.01,
)  # fmt: skip
ALL = (
    "sum", "temperature", "pcgrad", "gradvac", "gradvac-model", "gradvac-fixed", "cagrad", "imtl", "uncertainty",
    "single-language",
)  # fmt: skip
PER_TASK = ALL[2:9]


def text(count: int, seed: int, *, framed: bool) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    words = torch.randint(4, 20, (count, 4), generator=rng)
    frame = [words.new_full((count, 1), token) for token in (BEGIN, END)]
    parts = [frame[0], words, frame[1]] if framed else [words]
    rows = torch.full((count, LENGTH), PAD)
    rows[:, : sum(part.shape[1] for part in parts)] = torch.cat(parts, 1)
    return rows


def made(name: str, **options: Any) -> Any:
    return find_track(SETUP.track).classes[name](SETUP, **options)


def begun(name: str, **options: Any) -> Any:
    method = made(name, **options)
    counts = (30, 30, 3)
    method.begin(
        [text(count, index, framed=False) for index, count in enumerate(counts)],
        [text(count, 9 + index, framed=True) for index, count in enumerate(counts)],
    )
    return method


def gradients(method: Any, seed: int = 0) -> Tensor:
    """Known gradients (M, shared), of which two point apart in every layer and in all."""
    rng = torch.Generator().manual_seed(seed)
    found = torch.randn(M, method.network.shared, generator=rng)
    found[1] = -0.5 * found[0] + 0.3 * found[1]
    return found


@pytest.mark.parametrize("name", ALL)
def test_it_learns_what_it_is_shown(name: str) -> None:
    method = begun(name)
    batch = method.batch()

    def loss() -> float:
        _, losses = per_task(method.network, method.weights, batch)
        return float(losses.mean())

    before = loss()
    method.train(10)
    method.train(20)
    assert method.step == 20
    assert loss() < before - 0.2


@pytest.mark.parametrize("name", ALL)
def test_it_starts_and_goes_on_the_same_way_each_time(name: str) -> None:
    one, other = begun(name), begun(name)
    one.train(6)
    other.train(3)
    other.train(6)
    assert torch.equal(one.weights, other.weights)
    first = begun("sum").weights[0]
    assert all(torch.equal(row, first) for row in begun(name).weights)


@pytest.mark.parametrize("name", ALL)
def test_translations_are_tokens_of_each_sentence_by_itself(name: str) -> None:
    method = begun(name)
    method.train(5)
    rows = text(7, 50, framed=False)
    written = method.translate(2, rows)
    assert written.shape == (7, LENGTH)
    assert torch.equal(method.translate(2, rows[3:4]), written[3:4])


@pytest.mark.parametrize("name", PER_TASK)
def test_what_it_says_it_holds_is_a_gradient_for_each_task_at_least(name: str) -> None:
    method = begun(name)
    assert M * method.weights.numel() <= method.held() <= M * method.weights.numel() + 9 * len(method.network.sizes)
    assert begun("sum").held() == begun("temperature").held() == begun("single-language").held() == 0


def test_the_sum_is_the_mean_of_the_tasks_own_gradients() -> None:
    method, twin = begun("sum"), begun("sum")
    own, _ = per_task(twin.network, twin.weights, twin.batch())
    torch.testing.assert_close(method.gradient()[0], own.mean(0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", PER_TASK)
def test_what_is_one_tasks_own_keeps_its_plain_gradient(name: str) -> None:
    method, plain = begun(name), begun("sum")
    shared = method.network.shared
    torch.testing.assert_close(method.gradient()[0, shared:], plain.gradient()[0, shared:], rtol=1e-4, atol=1e-6)


def test_without_conflict_pcgrad_is_the_sum() -> None:
    method = begun("pcgrad")
    alike = gradients(method).abs()
    torch.testing.assert_close(method.combined(alike, torch.ones(M)), alike.mean(0))


@pytest.mark.parametrize("name", ["gradvac", "gradvac-model"])
def test_at_first_the_vaccine_is_pcgrad_in_each_group(name: str) -> None:
    """Its targets start at 0."""
    method, pcgrad = begun(name), begun("pcgrad")
    given = gradients(method)
    found = method.combined(given, torch.ones(M))
    parts = given.split(method.sizes(), dim=1)
    picks = begun("pcgrad").picks
    order = orders(M, picks)
    expected = []
    for part in parts:
        corrections, _ = corrected((part.double() @ part.double().T).unsqueeze(0), order, torch.zeros(1, M, M))
        expected.append(corrections[0].mean(0).float() @ part)
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-4, atol=1e-6)
    if name == "gradvac-model":
        torch.testing.assert_close(found, pcgrad.combined(given, torch.ones(M)), rtol=1e-4, atol=1e-6)


def test_averages_move_after_the_comparison_and_whether_or_not_it_bit() -> None:
    method = begun("gradvac", beta=0.25)
    alike = gradients(method).abs()
    met = cosines(by_layer(method.network, alike).double())
    others = ~torch.eye(M, dtype=torch.bool)
    method.combined(alike, torch.ones(M))
    torch.testing.assert_close(method.targets[:, others], 0.25 * met[:, others])
    method.combined(alike, torch.ones(M))
    torch.testing.assert_close(method.targets[:, others], (0.25 + 0.75 * 0.25) * met[:, others])


def test_a_pair_that_usually_points_apart_may_do_so() -> None:
    method = begun("gradvac-model", beta=0.5)
    given = gradients(method)
    given[2] = 0
    for _ in range(40):
        method.combined(given, torch.ones(M))
    usual = cosines(method.gram(given))[0, 0, 1]
    assert usual < -0.5
    assert float(method.targets[0, 0, 1]) == pytest.approx(float(usual), abs=1e-6)
    torch.testing.assert_close(method.combined(given, torch.ones(M)), given.mean(0), rtol=1e-3, atol=1e-5)


def test_a_fixed_target_is_reached_in_every_layer() -> None:
    method = begun("gradvac-fixed", target=0.4)
    given = gradients(method)
    corrections, _ = corrected(by_layer(method.network, given[:2]), torch.tensor([[1], [0]]), method.targets[:, :2, :2])
    for correction, part in zip(corrections, given[:2].double().split(method.network.sizes, dim=1), strict=True):
        p = correction @ part
        assert float(torch.cosine_similarity(p[0], part[1], dim=0)) == pytest.approx(0.4, abs=1e-6)


def test_cagrad_lies_where_the_worst_task_gains_most() -> None:
    method = begun("cagrad", c=0.4)
    given = gradients(method).double()
    mean = given.mean(0)
    found = method.combined(given, torch.ones(M))
    assert float((found - mean).norm()) == pytest.approx(0.4 * float(mean.norm()), rel=1e-3)
    worst = float((given @ found).min())
    rng = torch.Generator().manual_seed(1)
    for _ in range(200):
        w = torch.rand(M, generator=rng, dtype=torch.float64)
        direction = (w / w.sum()) @ given
        other = mean + 0.4 * mean.norm() * direction / direction.norm()
        assert float((given @ other).min()) <= worst + 1e-3 * abs(worst)
    still = begun("cagrad", c=0.0)
    torch.testing.assert_close(still.combined(given, torch.ones(M)), mean)
    assert method.combined(0 * given, torch.ones(M)).abs().max() == 0


def test_imtl_projects_as_far_onto_every_task() -> None:
    method = begun("imtl")
    given = gradients(method).double() * torch.tensor([[1.0], [5.0], [0.1]])
    found = method.combined(given, torch.ones(M))
    onto = (given / given.norm(dim=1, keepdim=True)) @ found
    torch.testing.assert_close(onto, onto[0].expand(M))
    same = given[:1].expand(M, -1)
    torch.testing.assert_close(method.combined(same, torch.ones(M)), same[0], msg="no solution: the mean")
    assert method.combined(0 * given, torch.ones(M)).abs().max() == 0


def test_uncertainty_weighs_a_task_by_its_loss() -> None:
    """In the minimum of exp(-s) L + s / 2 the weight exp(-s) is 1 / (2 L)."""
    method = begun("uncertainty")
    given = gradients(method)
    losses = torch.tensor([0.5, 1.0, 0.7])
    method.step = 2
    for _ in range(1500):
        found = method.combined(given, losses)
    torch.testing.assert_close(found, (1 / (2 * losses) / M) @ given, rtol=0.05, atol=0.02)


def test_temperature_shows_languages_by_their_size() -> None:
    cold, hot = begun("temperature", temperature=1.0), begun("temperature", temperature=1e6)
    shares = {}
    for word, method in (("in proportion", cold), ("even", hot)):
        tags = torch.cat([method.sampled().tags[0] for _ in range(300)])
        shares[word] = tags.bincount(minlength=M) / len(tags)
    torch.testing.assert_close(shares["in proportion"], torch.tensor([30, 30, 3]) / 63, atol=0.02, rtol=0)
    torch.testing.assert_close(shares["even"], torch.full((M,), 1 / 3), atol=0.03, rtol=0)
    batch = cold.sampled()
    for row, tag in zip(batch.sources[0], batch.tags[0].tolist(), strict=True):
        own = cold._sources[cold.firsts[tag] : cold.firsts[tag] + cold.counts[tag], : len(row)]
        assert (own == row).all(1).any()


def test_a_single_language_learns_from_its_own_sentences_alone() -> None:
    method, other = begun("single-language"), made("single-language")
    sources = [text(count, index, framed=False) for index, count in enumerate((30, 30, 3))]
    targets = [text(count, 9 + index, framed=True) for index, count in enumerate((30, 30, 3))]
    targets[1] = text(30, 77, framed=True)
    other.begin(sources, targets)
    method.train(5)
    other.train(5)
    assert torch.equal(method.weights[0], other.weights[0])
    assert not torch.equal(method.weights[1], other.weights[1])
    probe = [torch.stack([text(2, 1, framed=framed)] * M) for framed in (False, True)]
    assert method.products(*probe) is None
