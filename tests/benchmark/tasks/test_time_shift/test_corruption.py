"""The rules of `test_time_shift.corruption`, on contestants that do one thing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmark.errors import ContestantError
from benchmark.tasks.test_time_shift.corruptions import NAMES
from tests.benchmark.tasks.test_time_shift.stream_stub import (
    CLASSES,
    Stub,
    brightest,
    constant,
    deployment,
    judge,
)

SETTINGS = ("severity_5", "all_severities", "short", "continual", "small_batches", "sorted")


class TestJudging:
    def test_who_answers_one_class_errs_on_all_others(self) -> None:
        data = deployment()
        outcome = judge(Stub(constant), data)
        wrong = data.test.labels != 0

        def share(count: int) -> float:
            return 100 * float(wrong[:count].double().mean())

        found = {name.removeprefix("error_"): metric.value for name, metric in outcome.metrics.items()}
        expected = dict(zip(SETTINGS, (share(25), share(10), *[share(15)] * 4), strict=True))
        assert found == pytest.approx(expected | {"clean_error": share(10)})

    def test_raw_values_pair_methods_by_corruption(self) -> None:
        outcome = judge(Stub(brightest))
        for name in SETTINGS:
            metric = outcome.metrics[f"error_{name}"]
            assert len(metric.raw) == (75 if name == "all_severities" else 15)
            assert metric.value == pytest.approx(sum(metric.raw) / len(metric.raw), abs=1e-3)
            assert metric.per == ("corruption and severity" if name == "all_severities" else "corruption")
        assert outcome.metrics["clean_error"].value == 0
        errors = dict(zip(NAMES, outcome.metrics["error_severity_5"].raw, strict=True))
        assert errors["brightness"] == 0
        assert errors["fog"] > 0

    def test_what_is_asked(self) -> None:
        """A reset before each stream, each image once, no labels; the continual stream has one reset."""
        stub = Stub(brightest)
        judge(stub)
        assert stub.calls[0][0] == "begin"
        assert stub.asked("clean") == [("reset", 0), ("adapt", 10)]
        assert stub.asked("adapt") == [("reset", 0), ("adapt", 10), ("adapt", 10), ("adapt", 5)] * 15
        assert stub.asked("other severities") == [("reset", 0), ("adapt", 10)] * 60
        assert stub.asked("small batches") == [("reset", 0), *[("adapt", 4)] * 3, ("adapt", 3)] * 15
        assert stub.asked("sorted") == [("reset", 0), ("adapt", 10), ("adapt", 5)] * 15
        assert stub.asked("continual") == [("reset", 0), *[("adapt", 10), ("adapt", 5)] * 15]
        assert {name for name, _, _ in stub.calls} == {"begin", "reset", "adapt"}

    def test_references_are_told_corrupted_training_images_beforehand(self) -> None:
        stub, data = Stub(brightest, reference=True), deployment()
        judge(stub, data, severities=(5,))
        assert [name for name, _, _ in stub.calls[:3]] == ["begin", "study", "reset"]
        images, labels = stub.calls[1][2]
        assert (images.dtype, images.shape, labels.shape) == (torch.uint8, (30, 1, 10, 10), (30,))
        assert sorted(labels.tolist()) == sorted(data.learned.labels.tolist())
        same = (images[:, None] == data.learned.images[None]).flatten(2).all(2).any(1)
        assert 0 < int(same.sum()) < 10, "one kind in sixteen is clean; brightness may leave what is bright"

    def test_a_tier_may_show_the_primary_setting_alone(self) -> None:
        outcome = judge(Stub(constant), severities=(5,), others=(), short=0)
        assert set(outcome.metrics) == {"error_severity_5", "clean_error"}
        assert outcome.curves["heat"]["severity"] == [5.0] * 15
        assert outcome.curves["heat"]["error"] == outcome.metrics["error_severity_5"].raw

    def test_other_settings_on_some_corruptions(self) -> None:
        stub = Stub(brightest)
        outcome = judge(stub, severities=(5,), others=("fog", "contrast"))
        assert stub.asked("continual") == [("reset", 0), *[("adapt", 10), ("adapt", 5)] * 2]
        assert len(outcome.metrics["error_sorted"].raw) == len(outcome.metrics["error_short"].raw) == 2

    def test_streams_are_made_once_for_all_methods(self) -> None:
        data = deployment()
        judge(Stub(brightest), data)
        made = dict(data.made)
        judge(Stub(constant), data)
        assert len(made) == 75
        assert all(data.made[key] is images for key, images in made.items())

    def test_images_and_weights_are_sent_as_promised(self) -> None:
        stub, data = Stub(brightest), deployment()
        judge(stub, data)
        weights, samples = stub.calls[0][2]
        assert weights.keys() == data.recipe.build().state_dict().keys()
        assert torch.equal(samples, data.samples.float() / 255)
        clean = next(arguments[0] for name, phase, arguments in stub.calls if (name, phase) == ("adapt", "clean"))
        assert torch.equal(clean, data.test.images[:10].float() / 255)

    def test_streams_depend_on_the_path_alone(self) -> None:
        def streams(path: tuple[int | str, ...]) -> list[Any]:
            stub = Stub(brightest)
            judge(stub, deployment(path=path))
            return [arguments[0] for name, _, arguments in stub.calls if name == "adapt"]

        first, same, other = streams((0, "x")), streams((0, "x")), streams((0, "y"))
        assert all(torch.equal(one, two) for one, two in zip(first, same, strict=True))
        assert not all(torch.equal(one, two) for one, two in zip(first, other, strict=True))

    def test_curves(self) -> None:
        outcome = judge(Stub(constant))
        heat, stream = outcome.curves["heat"], outcome.curves["stream"]
        assert heat["corruption"] == [float(place) for place in range(15) for _ in range(5)]
        assert heat["severity"] == [1.0, 2, 3, 4, 5] * 15
        assert heat["error"] == outcome.metrics["error_all_severities"].raw
        assert len(stream["seen"]) == 20
        assert stream["seen"][-1] == 25
        assert max(stream["entropy"]) < 1e-5
        assert outcome.rates == {"images/s": 15 * 25 / 2}
        uniform = judge(Stub(lambda images: torch.zeros(len(images), CLASSES)))
        assert uniform.curves["stream"]["entropy"] == pytest.approx([math.log(5)] * 20, abs=1e-5)

    def test_one_image_per_batch(self) -> None:
        stub = Stub(brightest)
        judge(stub, batch_size=1, small_batch=1)
        assert {count for name, count in stub.asked("adapt") if name == "adapt"} == {1}
        assert judge(Stub(constant), batch_size=1).metrics == judge(Stub(constant)).metrics

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda images: torch.zeros(len(images), 4), r"adapt\(\) returned torch.float32 of shape \(10, 4\)"),
            (lambda images: torch.full((len(images), 5), torch.nan), "NaN or infinity for 10 of 10"),
            (lambda images: None, "NoneType"),
        ],
    )
    def test_bad_answers(self, answer: Any, message: str) -> None:
        with pytest.raises(ContestantError, match=message):
            judge(Stub(answer))

    def test_the_sheet_is_in_records_of_drawn_data_alone(self) -> None:
        assert judge(Stub(constant)).pictures == {}
        picture = judge(Stub(constant), deployment(pictured=True)).pictures["corruptions"]
        assert picture.shape == (6, 15, 10, 10, 1)
        assert (picture.rows, picture.columns[6]) == (["clean", "1", "2", "3", "4", "5"], "zoom blur")
        tiles = picture.tiles()
        assert (tiles[0] == tiles[0, 0]).all()
        assert all((tiles[5, place] != tiles[0, place]).any() for place in range(15))
