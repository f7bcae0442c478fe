from __future__ import annotations

import numpy as np
import pytest

from benchmark.results.pictures import Picture
from benchmark.results.record import Record
from reports.figures.test_time_shift import control
from tests.reports.drawn import own as drawn
from tests.reports.figures.test_time_shift.deployment import KINDS, deployed

OWN = {"return-by-strength", "gain-over-frozen", "return-over-episode"}


GAINS = {"frozen": 0.0, "frozen-rotation": -3.0, "pad": -20.0, "pad-tuned": 4.0, "pad-rotation": -1.0}
THREE = [deployed(name, seed, gain=gain) for name, gain in GAINS.items() for seed in range(3)]


def picture() -> Picture:
    import base64
    import zlib

    pixels = np.arange(len(KINDS) * 2 * 4 * 4 * 3, dtype=np.uint8).tobytes()
    packed = base64.b64encode(zlib.compress(pixels)).decode()
    return Picture(rows=list(KINDS), columns=["none", "mild"], height=4, width=4, channels=3, pixels=packed)


def test_the_track_gets_its_figures() -> None:
    records = [*THREE[1:], deployed("frozen", pictures={"shifts": picture()})]
    own = drawn(records)
    assert set(own) == {*OWN, "shifts"}
    assert all("3 seeds" in own[name].caption for name in OWN)
    assert "Seed 0." in own["shifts"].caption
    assert all(kind in own["return-by-strength"].alt for kind in KINDS)


def test_equal_records_give_equal_svg() -> None:
    first, second = drawn(THREE), drawn(THREE[::-1])
    assert {name: figure.svg for name, figure in first.items()} == {name: figure.svg for name, figure in second.items()}


def test_gains_are_paired_with_the_frozen_form_of_each_network() -> None:
    alt = drawn(THREE)["gain-over-frozen"].alt
    assert "pad-tuned +0.0 (no shift), +4.0 (colour), +4.0 (lighting), +4.0 (texture), +4.0 (camera)" in alt
    assert "pad -20.0" not in alt.partition("pad ")[0]
    assert "pad-rotation +0.0 (no shift), +2.0 (colour)" in alt
    assert "frozen-rotation" not in alt.replace("pad-rotation", "")


@pytest.mark.parametrize(
    "records",
    [
        [deployed("pad"), deployed("domain-randomisation")],
        [deployed("frozen"), deployed("frozen-rotation")],
        [deployed("frozen"), deployed("pad", 1)],
        [deployed("frozen", curves={}), deployed("pad")],
        [deployed("frozen", status="crashed"), deployed("pad")],
    ],
    ids=["no frozen", "nothing to compare", "no seed in common", "no policies", "frozen failed"],
)
def test_without_pairs_there_is_no_gain(records: list[Record]) -> None:
    assert "gain-over-frozen" not in drawn(records)


def test_missing_curves_leave_panels_and_figures_out() -> None:
    own = drawn([deployed("frozen", kinds=("colour", "texture"))])
    assert "a panel per kind of shift: colour, texture." in own["return-by-strength"].alt
    assert drawn([deployed("frozen", curves={})]) == {}


def test_smoothing_against_its_definition() -> None:
    values = [1.0, 5.0, 3.0, 7.0, 2.0, 9.0, 4.0]
    window = control._WINDOW
    expected = [float(np.mean(values[max(0, end - window) : end])) for end in range(1, len(values) + 1)]
    assert control._smooth(values) == pytest.approx(expected)
