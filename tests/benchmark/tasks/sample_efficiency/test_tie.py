"""The tie: what the two classes are told apart by, and what the search makes of it."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch

from benchmark.seeding import Draw
from benchmark.tasks.sample_efficiency import search, tie
from benchmark.tasks.sample_efficiency.dimension_sizes import SMOKE, TieSizes
from benchmark.tasks.sample_efficiency.tie import Images, Setting

SIZES = replace(SMOKE.tie, latents=(2, 8), most=64, steps=20)


@pytest.mark.parametrize("latent", [2, 8, 32])
def test_mean_images_do_not_tell_the_classes(latent: int) -> None:
    """Who knows the difference of the class means, and nothing else, guesses: right within 4 sigma of half the time."""
    images = Images(TieSizes(), 0)
    setting = Setting("latent", latent, 16, 0)
    train, test = (images.drawn(setting, 2000, word) for word in ("train", "test"))
    flat, labels = train.inputs.flatten(1), train.labels
    one, other = flat[labels == 1].mean(0), flat[labels == 0].mean(0)
    sides = (test.inputs.flatten(1) - (one + other) / 2) @ (one - other)
    right = float(((sides > 0).long() == test.labels).double().mean())
    assert abs(right - 0.5) < 4 * 0.5 / 2000**0.5


def test_what_is_varied_leaves_the_rest_alone() -> None:
    images = Images(TieSizes(), 0)
    plain = images.drawn(Setting("noise", 8, 16, 0), 40, "train")
    large = images.drawn(Setting("ambient", 8, 32, 0), 40, "train")
    noisy = images.drawn(Setting("noise", 8, 16, 10), 40, "train")
    assert torch.equal(large.inputs[:, :, ::2, ::2], plain.inputs)
    assert torch.equal(large.labels, plain.labels)
    changed = (noisy.inputs != plain.inputs).flatten(1)
    assert torch.equal(changed.any(0).nonzero(), changed.all(0).nonzero())  # the same ten pixels in all
    assert int(changed.any(0).sum()) == 10
    other = images.drawn(Setting("noise", 8, 16, 10), 40, "train", 1)
    again = images.drawn(Setting("noise", 8, 16, 0), 40, "train", 1)
    assert torch.equal((other.inputs != again.inputs).flatten(1).any(0), changed.any(0))
    assert float(plain.inputs.std()) == pytest.approx(1, rel=1e-3)


def test_copies_of_pixels_change_no_step() -> None:
    """Of sums over copies, that is: a network with the sums of the copies' weights, over the root of their number."""
    images = Images(TieSizes(), 0)
    small, large = (images.drawn(Setting("ambient", 8, side, 0), 64, "train") for side in (16, 32))
    network = tie.Network(tie.LearnerSetup(0, "tie", "cpu", 16))
    weights = {
        name: w.double() for name, w in network.initial(1, (1, 32, 32), torch.Generator().manual_seed(0)).items()
    }
    wide = network.scores(weights, network.prepared(large.inputs.double()).unsqueeze(0))
    merged = weights["hidden"].view(1, 16, 2, 16, 2, -1).sum((2, 4)).view(1, 256, -1) / 2
    narrow = network.scores(weights | {"hidden": merged}, network.prepared(small.inputs.double()).unsqueeze(0))
    assert torch.allclose(wide, narrow, rtol=1e-9)


def test_settings_that_are_alike_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def searched(images: Images, setting: Setting, device: str) -> search.Crossing:
        asked.append(setting)
        return search.Crossing(float(len(asked)), search.EXACT)

    monkeypatch.setattr(tie, "_searched", searched)
    sizes = TieSizes(latents=(2, 8), sides=(8, 16), noises=(0, 16), side=16, fixed=8)
    found = tie.search_here(asdict(sizes), 0, "cpu")["samples"].tolist()
    assert len(asked) == 4
    assert found[1] == found[3] == found[4]  # 8 of 16 pixels a side without noise, three times


def test_more_dimensions_need_more_samples() -> None:
    """Of 2 and of 8; here with few steps and one repeat, by a factor that is 4 in full."""
    sizes = replace(SIZES, most=256, repeats=2, test=200, steps=60)
    images = Images(sizes, 0)
    needed = [tie._searched(images, Setting("latent", latent, 16, 0), "cpu").samples for latent in (2, 8)]
    assert needed[1] > 1.5 * needed[0]


def test_a_seed_is_searched_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Draw("sample_efficiency.intrinsic_dimension", 5, "local", "cpu")
    tie.tied.cache_clear()
    first = tie.tied(SIZES, draw)
    tie.tied.cache_clear()
    monkeypatch.setattr(tie.aside, "run", lambda *_: pytest.fail("searched again"))
    again = tie.tied(SIZES, draw)
    assert [each.crossing for each in first] == [each.crossing for each in again]
    assert {tuple(each.points.shape) for each in first if each.setting.side == 8} == {(SIZES.points, 64)}
