"""Records: the result of one job as versioned, validated data. Reads without torch.

Schema history
  1  first version
  2  pictures
  3  doubt
  4  names of what positions in raw values and curves stand for; code of the data; devices of other kinds than cpu, cuda
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.errors import RecordError, UsageError
from benchmark.results.job import Job
from benchmark.results.pictures import Picture

SCHEMA_VERSION = 4
"""What is written; all from 1 on are read."""

Status = Literal["ok", "error", "crashed", "timeout", "out_of_memory", "invalid_output"]
FAILURES: dict[str, str] = {
    "error": "the method raised an exception",
    "crashed": "the contestant's process died",
    "timeout": "the method did not answer within its time limit",
    "out_of_memory": "the method asked for more memory than its limit",
    "invalid_output": "the method returned something other than the track's rules ask for",
}
Role = Literal["method", "baseline", "reference"]


_NAMES_BEFORE_4: dict[object, dict[str, list[str]]] = {
    "test_time_shift.corruption": {
        "corruption": [
            *(
                "gaussian_noise",
                "shot_noise",
                "impulse_noise",
                "defocus_blur",
                "glass_blur",
                "motion_blur",
                "zoom_blur",
            ),
            *("snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression"),
        ]
    },
    "test_time_shift.control": {
        "kind": ["colour", "lighting", "texture", "camera"],
        "strength": ["none", "mild", "medium", "strong"],
    },
    "long_sequence.recall": {"exercise": ["recall", "lists", "pixels"]},
}
"""What records of versions 1 to 3 meant by their positions without saying so. History: it never changes."""


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not finite; a run without a finite result is recorded as a failure")
    return value


Finite = Annotated[float, AfterValidator(_finite)]
Text = Annotated[str, AfterValidator(lambda text: text.encode("utf-8", "replace").decode())]
"""What a contestant said, with "?" for what UTF-8 cannot write, as of a file name in another encoding."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MetricValue(_Model):
    """One metric: its value, and the raw values per unit (`per`: task, episode, sample, ...) it summarises."""

    value: Finite
    unit: str
    higher_is_better: bool
    raw: list[Finite] = Field(default_factory=list)
    per: str = ""


class Costs(_Model):
    """What the job cost. Times are wall seconds of the judge's clock."""

    wall_seconds: Finite
    phases: dict[str, Finite] = Field(default_factory=dict, description="seconds inside the method, by phase")
    data_seconds: Finite = 0.0
    harness_seconds: Finite = Field(0.0, description="all that is neither the method nor its data")
    cpu_seconds: Finite | None = None
    peak_bytes: int | None = Field(None, description="peak resident set of the contestant's process")
    start_bytes: int | None = Field(None, description="its resident set before the method was built")
    peak_device_bytes: int | None = None
    joules: Finite | None = None
    joules_cover: str = Field("", description="what the counter covers: the GPU, the CPU package shared or alone")
    rates: dict[str, Finite] = Field(default_factory=dict, description="for example training samples/s")

    @property
    def method_seconds(self) -> float:
        """Wall seconds inside the method, all phases together."""
        return sum(self.phases.values())


class Device(_Model):
    """The hardware in canonical words; `host` is a hash that tells machines apart without naming them."""

    slug: str
    kind: str
    name: str
    cores: int
    memory_bytes: int
    cpu_name: str
    device_memory_bytes: int | None = None
    driver: str | None = None
    system: str
    host: str


class Software(_Model):
    """Versions that can move a result."""

    heptathlon: str
    python: str
    torch: str
    torchvision: str
    numpy: str
    cuda: str | None = None


class Provenance(_Model):
    """Which code ran: commit, and content hashes of the files that decide the result."""

    commit: str | None
    dirty: bool | None
    method_file: str
    track_code: str
    data_code: str = ""
    timer_code: str


class Failure(_Model):
    """Why there is no result: a sentence, and the last lines of the contestant's traceback or output."""

    message: Text
    details: Text = ""


class Record(_Model):
    """The result of one job."""

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    question: str = Field(description="what the track asks, for readers who have no rule book at hand")
    track: str
    method: str
    tier: str
    seed: int
    role: Role
    paper: str | None = None
    status: Status
    failure: Failure | None = None
    primary: str
    metrics: dict[str, MetricValue] = Field(default_factory=dict)
    curves: dict[str, dict[str, list[Finite]]] = Field(
        default_factory=dict, description="named tables in long form: column -> values, columns of equal length"
    )
    pictures: dict[str, Picture] = Field(default_factory=dict, description="of procedural data only")
    names: dict[str, list[str]] = Field(
        default_factory=dict, description="what positions in raw values (by their `per`) and in columns stand for"
    )
    costs: Costs
    device: Device
    software: Software
    provenance: Provenance
    comparison: dict[str, str] = Field(description="what must agree before two numbers may share a table")
    started_at: str
    in_process: bool = False
    doubt: Text = Field(
        "", description="why its numbers do not rank: timed on a busy machine, bounds; empty if they do"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Record:
        try:
            _ = self.job
        except UsageError as error:
            raise ValueError(str(error)) from None
        if (self.status == "ok") != (self.failure is None):
            raise ValueError(f"status {self.status!r} with failure {self.failure!r}")
        if self.status == "ok" and self.primary not in self.metrics:
            raise ValueError(f"no value of the primary metric {self.primary!r}")
        return self

    @property
    def job(self) -> Job:
        """The job that this record answers."""
        return Job(self.track, self.method, self.tier, self.seed)

    @property
    def comparison_class(self) -> str:
        """Hash of the comparison parts: records of one class may be ranked together."""
        return comparison_class(self.comparison)

    @property
    def ranked(self) -> bool:
        """Whether the record may enter a ranking: a result beyond doubt, of a ranked role, from its own process."""
        return self.status == "ok" and not self.doubt and self.role != "reference" and not self.in_process


def comparison_class(parts: dict[str, str]) -> str:
    """Hash comparison parts to the name of their class, 12 hexadecimal digits."""
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=6).hexdigest()


def dump(record: Record) -> str:
    """Write a record as JSON text: keys in schema order, one trailing newline, so that files merge and diff well."""
    return record.model_dump_json(indent=1, exclude_defaults=False) + "\n"


def load(text: str, *, source: str) -> Record:
    """Read a record from JSON text; `source` names it in errors.

    Raises RecordError for text that is no record (damaged or cut short) and for another schema version.
    """
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{source}: not a complete JSON file ({error}); cut short or damaged: delete it and run the job again"
        ) from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        remedy = "upgrade heptathlon" if newer else "run the job again"
        raise RecordError(
            f"{source}: schema version {version!r}, this heptathlon reads 1 to {SCHEMA_VERSION}; {remedy}"
        )
    if version < 4:
        data.setdefault("names", _NAMES_BEFORE_4.get(data.get("track"), {}))
    try:
        return Record.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise RecordError(f"{source}: {where}: {first['msg']}; run the job again") from None
