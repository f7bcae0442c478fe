"""Records survive their own writing, and a file that is none is refused with its name and the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmark.errors import RecordError
from benchmark.results.record import FAILURES, Costs, Failure, Record, comparison_class, dump, load

Make = Callable[..., Record]


def test_round_trip(make_record: Make) -> None:
    for record in (make_record(), make_record(status="timeout", in_process=True, paper=None, tier="standard@mnist")):
        assert load(dump(record), source="a") == record


def test_a_record_of_the_first_version_lacks_what_came_later(make_record: Make) -> None:
    old = as_of(1, make_record())
    assert (old.schema_version, old.pictures, old.doubt) == (1, {}, "")
    assert (old.names, old.provenance.data_code) == ({}, "")
    assert load(dump(old), source="old.json") == old


def as_of(version: int, record: Record, **fields: Any) -> Record:
    """A record as a file of an earlier version holds it, read back."""
    data = json.loads(dump(record)) | {"schema_version": version} | fields
    since = {"pictures": 2, "doubt": 3, "names": 4}
    data = {name: value for name, value in data.items() if since.get(name, 1) <= version or name in fields}
    if version < 4:
        del data["provenance"]["data_code"]
    return load(json.dumps(data), source="old.json")


CORRUPTIONS = [
    *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression"),
]


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize(
    ("track", "names"),
    [
        ("test_time_shift.corruption", {"corruption": CORRUPTIONS}),
        (
            "test_time_shift.control",
            {"kind": ["colour", "lighting", "texture", "camera"], "strength": ["none", "mild", "medium", "strong"]},
        ),
        ("long_sequence.recall", {"exercise": ["recall", "lists", "pixels"]}),
        ("forgetting.permuted", {}),
    ],
)
def test_before_version_4_names_are_those_of_then(
    make_record: Make, version: int, track: str, names: dict[str, list[str]]
) -> None:
    """Pinned: what a track shows today may be renamed or reordered, what old positions meant may not."""
    old = as_of(version, make_record(track=track))
    assert old.names == names
    assert load(dump(old), source="again.json") == old, "written again, it keeps them"
    mine = as_of(version, make_record(track=track), names={"corruption": ["fog"]})
    assert mine.names == {"corruption": ["fog"]}, "what a file says itself stays"


def test_from_version_4_on_a_record_says_its_names_itself(make_record: Make) -> None:
    assert as_of(4, make_record(track="test_time_shift.corruption")).names == {}
    named = make_record(track="test_time_shift.corruption", names={"corruption": ["fog", "snow"]})
    assert load(dump(named), source="a") == named


def test_a_device_may_be_of_any_kind(make_record: Make) -> None:
    device = make_record().device.model_dump() | {"kind": "tpu", "slug": "tpu-acme"}
    made = make_record(device=device)
    assert load(dump(made), source="a").device.kind == "tpu"


def test_the_code_of_the_data_is_kept(make_record: Make) -> None:
    provenance = make_record().provenance.model_dump() | {"data_code": "abc"}
    assert load(dump(make_record(provenance=provenance)), source="a").provenance.data_code == "abc"


def test_written_for_people_and_diffs(make_record: Make) -> None:
    text = dump(make_record())
    assert text.startswith('{\n "schema_version": 4,\n "question": ')
    assert text.endswith("\n}\n")
    assert text == dump(load(text, source="a"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_to_the_bit(value: float) -> None:
    costs = Costs(wall_seconds=value)
    assert Costs.model_validate_json(costs.model_dump_json()).wall_seconds.hex() == value.hex()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("metrics", lambda x: {"ACC": {"value": x, "unit": "%", "higher_is_better": True}}),
        ("metrics", lambda x: {"ACC": {"value": 1.0, "unit": "%", "higher_is_better": True, "raw": [1.0, x]}}),
        ("curves", lambda x: {"accuracy": {"accuracy": [x]}}),
        ("costs", lambda x: {"wall_seconds": x}),
        ("costs", lambda x: {"wall_seconds": 1.0, "phases": {"train": x}}),
        ("costs", lambda x: {"wall_seconds": 1.0, "joules": x}),
        ("costs", lambda x: {"wall_seconds": 1.0, "rates": {"samples/s": x}}),
    ],
)
def test_numbers_must_be_finite(make_record: Make, field: str, make: Callable[[float], Any], bad: float) -> None:
    with pytest.raises(ValidationError, match="is not finite; a run without a finite result is recorded as a failure"):
        make_record(**{field: make(bad)})


def test_not_finite_in_a_file(make_record: Make) -> None:
    text = dump(make_record()).replace('"value": 81.5', '"value": NaN')
    with pytest.raises(RecordError, match=r"a\.json: metrics\.ACC\.value: .*nan is not finite"):
        load(text, source="a.json")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"shoe_size": 44}, "Extra inputs are not permitted"),
        ({"costs": {"wall_seconds": 1.0, "euros": 3.0}}, "Extra inputs are not permitted"),
        ({"status": "fine"}, "'ok', 'error', 'crashed', 'timeout', 'out_of_memory' or 'invalid_output'"),
        ({"role": "winner"}, "'method', 'baseline' or 'reference'"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"method": "../up"}, "method name '../up'"),
        ({"tier": "huge"}, "no tier 'huge'"),
        ({"failure": {"message": "but it worked"}}, "status 'ok' with failure"),
        ({"status": "error", "failure": None}, "status 'error' with failure None"),
        ({"primary": "F1"}, "no value of the primary metric 'F1'"),
    ],
)
def test_what_makes_no_sense_is_refused(make_record: Make, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        make_record(**fields)


def test_a_failure_needs_no_metric(make_record: Make) -> None:
    for status in FAILURES:
        assert make_record(status=status).failure == Failure(message="it broke")


def test_a_record_cannot_be_changed(make_record: Make) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_record().seed = 7


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (0, "schema version 0, this heptathlon reads 1 to 4; run the job again"),
        (5, "schema version 5, this heptathlon reads 1 to 4; upgrade heptathlon"),
        ("1", "schema version '1', this heptathlon reads 1 to 4; run the job again"),
        (None, "schema version None"),
    ],
)
def test_other_versions_are_refused_with_the_remedy(make_record: Make, version: object, sentence: str) -> None:
    data = json.loads(dump(make_record())) | {"schema_version": version}
    with pytest.raises(RecordError, match=rf"^old\.json: {sentence}"):
        load(json.dumps(data), source="old.json")


@pytest.mark.parametrize("text", ["[]", "1", "null", '"record"', "{}"])
def test_json_that_is_no_record(text: str) -> None:
    with pytest.raises(RecordError, match=r"x\.json: schema version None"):
        load(text, source="x.json")


def test_cut_short_anywhere(make_record: Make) -> None:
    text = dump(make_record())
    for length in [*range(0, len(text) - 2, 97), len(text) - 3]:
        with pytest.raises(
            RecordError, match=r"^cut\.json: not a complete JSON file .*delete it and run the job again"
        ):
            load(text[:length], source="cut.json")


def test_nested_beyond_reason() -> None:
    with pytest.raises(RecordError, match=r"^deep\.json: not a complete JSON file"):
        load('{"schema_version": 1, "a": ' + "[" * 100_000, source="deep.json")


def test_a_failure_may_say_anything(make_record: Make) -> None:
    said = "no file caf\udce9.png\0\u2028🦉"
    record = make_record(status="error", failure={"message": said, "details": said})
    assert load(dump(record), source="a").failure == Failure(
        message=said.replace("\udce9", "?"), details=record.failure.details
    )
    assert record.failure.message == "no file caf?.png\0\u2028🦉"


def test_comparison_class(make_record: Make) -> None:
    parts = {"track": "forgetting.permuted v1", "data": "glyphs:0", "tier": "quick"}
    assert comparison_class(parts) == "92549fe23553"
    assert comparison_class(dict(reversed(parts.items()))) == "92549fe23553"
    assert make_record(comparison=parts).comparison_class == "92549fe23553"
    for name in parts:
        assert comparison_class(parts | {name: "other"}) != "92549fe23553"
    assert comparison_class({"a": "b"}) != comparison_class({"b": "a"})


def test_method_seconds(make_record: Make) -> None:
    assert make_record().costs.method_seconds == 2.5
    assert Costs(wall_seconds=9.0).method_seconds == 0


@pytest.mark.parametrize(
    ("fields", "ranked"),
    [
        ({}, True),
        ({"role": "baseline"}, True),
        ({"role": "reference"}, False),
        ({"status": "crashed"}, False),
        ({"in_process": True}, False),
        ({"doubt": "timed on a busy machine"}, False),
    ],
)
def test_ranked(make_record: Make, fields: dict[str, Any], ranked: bool) -> None:
    assert make_record(**fields).ranked is ranked


def test_job(make_record: Make) -> None:
    assert str(make_record(method="er", seed=4).job) == "forgetting.permuted/er/quick-4"
