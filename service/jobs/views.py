"""What HTTP shows of a job: the record without its blob keys and tokens, with URLs and problem objects."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.files.input_file import InputFile
from service.http.errors import Problem, problem
from service.jobs.estimates import outlook_of, remaining_s
from service.jobs.needs import needs_of
from service.jobs.schemas import Artifact, JobKind, JobRecord, JobStatus, Priority
from service.jobs.store import JobStore, Outlook
from service.keys.signed_urls import SignedUrls
from service.webhooks.schemas import HookView, hook_view
from workers.contract.errors import RetargetError
from workers.contract.stages import STAGES

VERDICTS = ("pass", "review", "fail")  # from good to bad
REPORT_NAME = "report.json"
EXAMPLE_ID = "job_01M831Q7C12DE6641ZPZXZST9S"


class InputFileView(BaseModel):
    name: str
    sha256: str
    bytes: int


class JobInputView(BaseModel):
    """The files as they were received; `assets` are the ids of those that were stored. Empty lists were not sent."""

    motion: list[InputFileView] = Field(default_factory=list)
    character: list[InputFileView] = Field(default_factory=list)
    source_character: list[InputFileView] = Field(default_factory=list)
    file: list[InputFileView] = Field(default_factory=list)
    assets: dict[str, str] = Field(default_factory=dict)
    definition: dict[str, Any] | None = None
    source_definition: dict[str, Any] | None = None


class ArtifactView(BaseModel):
    name: str = Field(examples=["result.glb"])
    media_type: str = Field(examples=["model/gltf-binary"])
    bytes: int
    sha256: str
    url: str
    signed_url: str | None = Field(
        None, description="Works without a key for about an hour; null where no keys are asked for."
    )
    expires_at: datetime | None


class JobResultView(BaseModel):
    """`verdict` and `scores` are those of the report; `inspection` is the answer of an inspect job."""

    model_config = ConfigDict(extra="allow")
    artifacts: list[ArtifactView]
    scores: dict[str, Any] | None = None
    scores_naive_copy: dict[str, Any] | None = None
    verdict: Literal["pass", "review", "fail"] | None = None
    warnings: list[dict[str, Any]] = Field(default_factory=list)
    inspection: dict[str, Any] | None = None
    cached_from: str | None = Field(
        None, description="The earlier job whose result this is: the same files, options and engine."
    )


class JobUrls(BaseModel):
    self: str
    cancel: str
    report: str
    report_page: str
    events: str


class JobView(BaseModel):
    """A job. Final states (succeeded, failed, canceled, expired) never change."""

    id: str = Field(examples=[EXAMPLE_ID])
    object: Literal["job"] = "job"
    kind: JobKind
    priority: Priority = Field("normal", description="Among its owner's jobs.")
    status: JobStatus
    stage: str | None = Field(description=f"In this order: {', '.join(STAGES)}.")
    progress: float = Field(ge=0, le=1)
    queue_position: int | None = Field(description="Jobs before this one, while it is queued.")
    eta_s: float | None = Field(description="Estimate of the seconds left, from recent jobs; null while none is known.")
    attempt: int = Field(description="Executions so far; more than 1 after a worker was lost or a fault has passed.")
    retry_of: str | None = Field(None, description="The job that this one does again.")
    batch: str | None = Field(None, description="The batch that it belongs to.")
    webhook: HookView | None = Field(None, description="Who is told of it.")
    deadline_at: datetime | None = Field(None, description="When it expires if no worker has taken it.")
    retry_at: datetime | None = Field(None, description="When a job is tried again that met a passing fault of ours.")
    retry_reason: str | None = Field(None, description="Why a job waits that a worker has had already.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When the results of the ended job are removed.")
    input_expires_at: datetime | None = Field(description="When the uploads are removed.")
    cancel_requested: bool
    fail_on_met: bool | None = Field(
        None, description="Whether the verdict is at least the option `fail_on`; null where that was not given."
    )
    input: JobInputView
    options: dict[str, Any]
    engine: dict[str, Any]
    result: JobResultView | None
    error: Problem | None
    metadata: dict[str, Any]
    urls: JobUrls


class JobPage(BaseModel):
    """Jobs, newest first; `next_cursor` fetches the page after this one and is null on the last."""

    object: Literal["list"] = "list"
    data: list[JobView]
    next_cursor: str | None


def job_url(job_id: str) -> str:
    return f"/v1/jobs/{job_id}"


def job_view(store: JobStore, record: JobRecord) -> JobView:
    """The view of a record as it is now. Asks Redis for the outlook of a job that has not ended."""
    return view_with(store, record, outlook_of(store, record))


def view_with(store: JobStore, record: JobRecord, outlook: Outlook | None) -> JobView:
    """The view of a record with this outlook."""
    url = job_url(record.id)
    return JobView(
        id=record.id,
        kind=record.kind,
        priority=record.priority,
        status=record.status,
        stage=record.stage,
        progress=record.progress,
        queue_position=position_of(record, outlook),
        eta_s=remaining_s(record, outlook),
        attempt=record.attempt,
        retry_of=record.retry_of,
        batch=record.batch_id,
        webhook=hook_view(record.webhook),
        deadline_at=record.deadline_at,
        retry_at=record.retry_at if record.status == "queued" else None,
        retry_reason=_why_it_waits(record),
        created_at=record.created_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        expires_at=record.expires_at,
        input_expires_at=record.input_expires_at,
        cancel_requested=record.cancel_requested,
        fail_on_met=fail_on_met(record),
        input=JobInputView(
            motion=_files(record.input.motion),
            character=_files(record.input.character),
            source_character=_files(record.input.source_character),
            file=_files(record.input.file),
            assets=record.input.assets,
            definition=_json(record.input.definition),
            source_definition=_json(record.input.source_definition),
        ),
        options=record.options,
        engine=record.engine,
        result=_result_view(record, SignedUrls(store.redis) if record.owner and record.result else None),
        error=problem(RetargetError.from_dict(record.error), instance=url) if record.error else None,
        metadata=record.metadata,
        urls=JobUrls(
            self=url,
            cancel=f"{url}/cancel",
            report=f"{url}/report",
            report_page=f"{url}/report.html",
            events=f"{url}/events",
        ),
    )


def position_of(record: JobRecord, outlook: Outlook | None) -> int | None:
    """Jobs before this one, while it is queued."""
    return outlook.position if outlook is not None and record.status == "queued" else None


def _why_it_waits(record: JobRecord) -> str | None:
    """Why a job that has run, or was read, is not going on."""
    needs = needs_of(record.options)
    if record.is_parked and needs:
        return f"its files are read; it waits for a worker that can do {', '.join(needs)}"
    return record.requeue_reason if record.status == "queued" else None


def find_artifact(record: JobRecord, name: str) -> Artifact | None:
    artifacts = record.result.artifacts if record.result else []
    return next((artifact for artifact in artifacts if artifact.name == name), None)


def entity_tag(record: JobRecord, position: int | None) -> str:
    """Weak: the estimate of the remaining time may differ under one tag."""
    return f'W/"{record.version}-{"" if position is None else position}"'


def _files(files: list[InputFile]) -> list[InputFileView]:
    return [InputFileView(name=entry.name, sha256=entry.sha256, bytes=entry.bytes) for entry in files]


def _json(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text)


def _result_view(record: JobRecord, signed: SignedUrls | None) -> JobResultView | None:
    if record.result is None:
        return None

    def url_of(name: str) -> str:
        return f"{job_url(record.id)}/artifacts/{name}"

    artifacts = [
        ArtifactView(
            name=artifact.name,
            media_type=artifact.media_type,
            bytes=artifact.bytes,
            sha256=artifact.sha256,
            url=url_of(artifact.name),
            signed_url=signed.sign(url_of(artifact.name), record.owner) if signed is not None else None,
            expires_at=record.expires_at,
        )
        for artifact in record.result.artifacts
    ]
    return JobResultView.model_validate({**record.result.model_dump(exclude={"artifacts"}), "artifacts": artifacts})


def fail_on_met(record: JobRecord) -> bool | None:
    """Whether the verdict is at least the option `fail_on`; the state stays `succeeded` all the same."""
    fail_on, verdict = record.options.get("fail_on"), record.result.verdict if record.result else None
    if fail_on is None or verdict is None:
        return None
    return VERDICTS.index(verdict) >= VERDICTS.index(fail_on)
