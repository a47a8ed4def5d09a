"""The job record: what Redis holds of a job, as typed data. What HTTP shows of it is left to `service.jobs.views`.

States: queued -> running -> succeeded | failed; queued | running -> canceling -> canceled; queued -> expired.
Final states never change. Times are UTC; in JSON they are RFC 3339.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.files.input_file import InputFile
from service.records import new_id, utc_now

JobKind = Literal["retarget", "inspect"]
JobStatus = Literal["queued", "running", "succeeded", "failed", "canceling", "canceled", "expired"]
FINAL_STATUSES: frozenset[JobStatus] = frozenset({"succeeded", "failed", "canceled", "expired"})
Priority = Literal["low", "normal", "high"]
DEADLINE_MAX_S = 30 * 24 * 3600
JOB_ID_PATTERN = r"^job_[0-9A-HJKMNP-TV-Z]{26}$"


def new_job_id() -> str:
    return new_id("job_")


class JobInput(BaseModel):
    """What the user sent. Each is a list of files: one, or a `.gltf` with its files, or one zip. Unused ones are empty.

    A retarget job has `motion`, `character` and perhaps `source_character`; an inspect job has `file`. `assets` are the
    ids of the stored assets that stand behind them. `definition` is that of the character (or of the inspected file),
    `source_definition` that of the motion's rig, both as JSON text, so that errors can name its lines.
    """

    model_config = ConfigDict(frozen=True)
    motion: list[InputFile] = Field(default_factory=list)
    character: list[InputFile] = Field(default_factory=list)
    source_character: list[InputFile] = Field(default_factory=list)
    file: list[InputFile] = Field(default_factory=list)
    assets: dict[str, str] = Field(default_factory=dict)
    definition: str | None = None
    source_definition: str | None = None

    def blobs(self) -> set[str]:
        """Keys of all blobs that the job reads."""
        return {entry.blob for entry in [*self.motion, *self.character, *self.source_character, *self.file]}


class Artifact(BaseModel):
    """One file of a result: `blob` is its key in the blob store."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
    media_type: str
    bytes: int
    sha256: str
    blob: str


class JobResult(BaseModel):
    """What an execution publishes. The report itself is the artifact `report.json`; further keys are passed on.

    `inspection` is the answer of an inspect job, which has no artifacts. `cached_from` is the job that made it, where
    this one only asked for the same again.
    """

    model_config = ConfigDict(extra="allow")
    artifacts: list[Artifact] = Field(default_factory=list)
    scores: dict[str, Any] | None = None
    scores_naive_copy: dict[str, Any] | None = None
    verdict: Literal["pass", "review", "fail"] | None = None
    warnings: list[dict[str, Any]] = Field(default_factory=list)
    inspection: dict[str, Any] | None = None
    cached_from: str | None = None


class JobRecord(BaseModel):
    """The truth about one job. `lease_until` and `execution_id` belong to the running execution only."""

    id: Annotated[str, Field(pattern=JOB_ID_PATTERN)] = Field(default_factory=new_job_id)
    kind: JobKind = "retarget"
    owner: str = ""  # id of the key that made it; empty where no keys are asked for
    priority: Priority = "normal"  # among its owner's jobs
    status: JobStatus = "queued"
    stage: str | None = None
    stage_since: datetime | None = None
    progress: Annotated[float, Field(ge=0, le=1)] = 0.0
    attempt: int = 0
    execution_id: str | None = None
    lease_until: datetime | None = None
    created_at: datetime = Field(default_factory=utc_now)
    started_at: datetime | None = None  # of the first execution
    claimed_at: datetime | None = None  # of the latest execution
    finished_at: datetime | None = None
    expires_at: datetime | None = None  # of the outputs; set when the job ends
    input_expires_at: datetime | None = None
    output_ttl_s: int = 7 * 24 * 3600
    record_ttl_s: int = 30 * 24 * 3600
    input: JobInput = Field(default_factory=JobInput)
    options: dict[str, Any] = Field(default_factory=dict)
    engine: dict[str, Any] = Field(default_factory=dict)  # version, and method once it ran
    result: JobResult | None = None
    error: dict[str, Any] | None = None  # RetargetError.to_dict()
    metadata: dict[str, Any] = Field(default_factory=dict)
    cancel_requested: bool = False
    requeue_reason: str | None = None  # why the latest execution was given up
    deadline_at: datetime | None = None  # not started by then, it expires
    fresh: bool = False  # made anew, though the same request may have been answered before
    retry_of: str | None = None  # id of the job that this one does again
    retry_at: datetime | None = None  # queued, but not to be handed out before
    faults: int = 0  # executions that met a passing fault of ours; they do not count as attempts that failed
    first_fault_at: datetime | None = None
    batch_id: str | None = None
    batch_item: int | None = None  # its place in the batch, from 0
    webhook: dict[str, Any] | None = None  # who is told of its states: `service.webhooks.schemas.Hook`
    scenes: dict[str, str] | None = None  # input -> key of its stored scene, once handed to a worker that reads none
    request_id: str | None = None  # of the request that made it
    trace: str | None = None  # that request's span, as W3C writes it
    version: int = 0  # counts changes

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    @property
    def is_parked(self) -> bool:
        """Running, but between two workers: its files were read, and it waits for one that retargets."""
        return self.status == "running" and self.execution_id is None and self.scenes is not None
