from __future__ import annotations

import numpy as np
import pytest

from benchmark.results.pairing import paired_by_unit, raw_of
from benchmark.results.ranking import Row, tables
from benchmark.results.record import Record
from reports.figures.few_shot.features import CLASSES
from tests.reports.drawn import own as drawn
from tests.reports.figures.few_shot.records import episode, result


def rows(records: list[Record]) -> dict[str, Row]:
    return {row.method: row for row in tables(records)[0].rows}


THREE = [result(name, seed, gain=gain) for name, gain in (("lr", (0, 0)), ("dc", (4, -3))) for seed in range(3)]


@pytest.mark.parametrize(
    ("track", "baseline"), {"few_shot.novel_classes": "lr", "few_shot.extreme": "transfer"}.items()
)
def test_every_track_gets_its_three_figures(track: str, baseline: str) -> None:
    names = (baseline, "other", "third")
    own = drawn([result(name, seed, track=track.partition(".")[2]) for name in names for seed in range(2)])
    assert set(own) == {"accuracy-over-shots", "difference-to-baseline", "features"}
    assert f"against {baseline} on the same episodes" in own["difference-to-baseline"].caption
    assert all("2 seeds" in own[name].caption for name in ("accuracy-over-shots", "difference-to-baseline"))


def test_equal_records_give_equal_svg() -> None:
    other = [result(name, track="extreme") for name in ("transfer", "startup")]
    for records in (THREE, other):
        first, second = drawn(records), drawn(records[::-1])
        assert {name: figure.svg for name, figure in first.items()} == {
            name: figure.svg for name, figure in second.items()
        }


def test_the_gain_at_one_shot_and_the_loss_at_five_are_told() -> None:
    figure = drawn(THREE)["difference-to-baseline"]
    assert "dc +4.0 at 1; dc -3.0 at 5" in figure.alt
    assert "over seeds, and never narrower" in figure.caption


def test_a_single_seed_lends_its_intervals_over_episodes() -> None:
    own = drawn([result("lr"), result("dc", gain=(4, -3))])
    assert "1 seed; bars are 95 % intervals over its episodes" in own["accuracy-over-shots"].caption
    assert "over the episodes of one seed" in own["difference-to-baseline"].caption
    mixed = drawn([*THREE, result("knn")])["accuracy-over-shots"]
    assert "over seeds, or over the episodes of methods with one seed" in mixed.caption


def test_paired_differences_against_their_definition() -> None:
    rng = np.random.default_rng(0)
    records = []
    expected = []
    for seed in range(3):
        one, other = rng.normal(70, 9, size=(2, 12))
        records += [
            result(name, seed, raw={"accuracy_1_shot": values.tolist()})
            for name, values in (("dc", one), ("lr", other))
        ]
        expected.append(one - other)
    found = paired_by_unit(rows(records)["dc"], rows(records)["lr"], raw_of("accuracy_1_shot"))
    assert found is not None
    means = np.mean(expected, axis=1)
    over_seeds = 4.302653 * means.std(ddof=1) / 3**0.5
    over_episodes = 2.030108 * np.concatenate(expected).std(ddof=1) / 36**0.5
    assert found.mean == pytest.approx(means.mean())
    assert found.half_width == pytest.approx(max(over_seeds, over_episodes), rel=1e-5)
    assert found.n == 3


def test_seeds_that_agree_by_chance_do_not_narrow_the_interval() -> None:
    noise = np.tile([-5.0, 5.0], 6)
    records = [result("lr", seed, raw={"accuracy_1_shot": [60.0] * 12}) for seed in range(2)]
    records += [result("dc", seed, raw={"accuracy_1_shot": (60 + noise).tolist()}) for seed in range(2)]
    found = paired_by_unit(rows(records)["dc"], rows(records)["lr"], raw_of("accuracy_1_shot"))
    assert found is not None
    assert found.half_width == pytest.approx(2.068658 * noise.std() * (24 / 23) ** 0.5 / 24**0.5, rel=1e-5)


def test_only_seeds_in_common_with_as_many_episodes_are_paired() -> None:
    records = [result("lr", 0), result("lr", 1), result("dc", 1, gain=(4, 0)), result("dc", 2, gain=(50, 0))]
    records += [result("cut", 0, raw={"accuracy_1_shot": [1.0]}), result("bare", 0, raw={})]
    found = rows(records)
    paired = paired_by_unit(found["dc"], found["lr"], raw_of("accuracy_1_shot"))
    assert paired is not None
    assert (paired.n, paired.mean) == (1, pytest.approx(4.0))
    assert paired_by_unit(found["cut"], found["lr"], raw_of("accuracy_1_shot")) is None
    assert paired_by_unit(found["bare"], found["lr"], raw_of("accuracy_1_shot")) is None


@pytest.mark.parametrize(
    "records",
    [
        [result("dc"), result("knn")],
        [result("lr"), result("lr", 1)],
        [result("lr", status="crashed"), result("dc")],
        [result("lr"), result("dc", 1)],
        [result("lr", raw={}), result("dc")],
    ],
    ids=["no baseline", "baseline alone", "baseline failed", "no seed in common", "no episodes"],
)
def test_without_pairs_there_is_no_difference(records: list[Record]) -> None:
    assert set(drawn(records)) == {"accuracy-over-shots", "features"}


def test_missing_curves_leave_their_figures_out() -> None:
    assert drawn([result("lr", curves={}), result("dc", curves={})]) == {}
    damaged = {"shots": {"shots": [1.0]}, "features": {"x": [1.0], "y": [1.0, 2.0], "class": [0.0]}}
    own = drawn([result("lr", curves=damaged), result("dc")])
    assert "lr" not in own["accuracy-over-shots"].alt
    assert "Not shown: lr." in own["features"].caption


def test_failed_methods_and_references_only() -> None:
    records = [result("oracle", role="reference"), result("dc", status="timeout")]
    own = drawn(records)
    assert set(own) == {"accuracy-over-shots", "features"}
    assert "dc" not in own["features"].alt


def test_features_say_how_many_queries_are_right_and_use_the_lowest_seed() -> None:
    shots = result("dc").curves["shots"]
    records = [
        result(name, seed, curves={"shots": shots, "features": episode(wrong=wrong)})
        for name, seed, wrong in (("dc", 4, 1), ("dc", 3, 2), ("lr", 3, 7), ("late", 4, 0))
    ]
    figure = drawn(records)["features"]
    assert "seed 3" in figure.caption
    assert "dc 13 of 15" in figure.alt
    assert "lr 8 of 15" in figure.alt
    assert "Not shown: late." in figure.caption
    assert all(colour.lower() in figure.svg for colour in CLASSES)


def test_embedded_targets_show_their_accuracy() -> None:
    records = [result("transfer", track="extreme"), result("startup", track="extreme", gain=(5, 5))]
    figure = drawn(records)["features"]
    for each in records:
        assert f"{each.method} {each.metrics['accuracy_1_shot'].value:.1f} %" in figure.alt
    assert "Images of 5 target classes" in figure.caption


def test_more_methods_than_panels_are_named() -> None:
    figure = drawn([result(f"m{number:02}", gain=(-number, 0)) for number in range(14)])["features"]
    assert "Not shown: m12, m13." in figure.caption
    assert figure.width < 1120
