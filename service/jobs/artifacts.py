"""Results over HTTP: the report and the artifacts, with ranges, tags (the sha256) and a name to save them under."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from service.http.errors import MEDIA_TYPE, problem_response
from service.http.head import is_head
from service.http.headers import RangeNotSatisfiable, matches, parse_range
from service.http.openapi import curl, error_responses, schema_reference
from service.jobs.context import JobContext, SharedJobs
from service.jobs.own_job import JobId
from service.jobs.report_page import POLICY, report_page
from service.jobs.schemas import Artifact, JobRecord
from service.jobs.views import REPORT_NAME, find_artifact, job_url
from service.keys.caller import CallerOf
from service.keys.schemas import Caller
from service.keys.signed_urls import SignedUrls
from service.records import utc_now
from workers.contract.errors import Expired, InvalidRequest, NotFound, NotReady
from workers.formats.registry import written_formats

router = APIRouter(prefix="/v1/jobs", tags=["results"])

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_RESULTS = tuple(row.media_type for row in written_formats())
_BINARY = (*_RESULTS, "text/plain", "image/webp", "video/webm", "image/png", "application/octet-stream")
_FILE = {"application/json": {}, **dict.fromkeys(_BINARY, _BYTES)}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part that the Range header asks for", "content": _FILE},
    304: {"description": "Unchanged since the ETag in If-None-Match"},
    416: {
        "description": "`invalid-request`: the Range header lies outside the content",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
    **error_responses(NotFound, NotReady, Expired),
}


async def signature_of(
    exp: Annotated[int | None, Query(description="Of a signed address: its end.")] = None,
    key: Annotated[str | None, Query(description="Of a signed address: whose it is.")] = None,
    sig: Annotated[str | None, Query(description="Of a signed address: the signature.")] = None,
) -> None:
    """The parameters of a signed address, which `service.keys.caller` has checked already."""


SignatureOf = Annotated[None, Depends(signature_of)]


@router.get(
    "/{job_id}/report",
    response_class=Response,
    summary="The quality report of a job",
    responses={
        **_RESPONSES,
        206: {"description": "The part that the Range header asks for", "content": {"application/json": _BYTES}},
        200: {"description": "The report", "content": {"application/json": {"schema": schema_reference("Report")}}},
    },
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/jobs/$JOB/report"')},
)
def get_report(
    request: Request, context: SharedJobs, caller: CallerOf, job_id: JobId, signature: SignatureOf
) -> Response:
    return _serve(request, context, caller, job_id, REPORT_NAME)


@router.get(
    "/{job_id}/report.html",
    response_class=Response,
    summary="The quality report as a page",
    responses={
        200: {
            "description": "Verdict in words, scores, pictures, timelines",
            "content": {"text/html": {"schema": {"type": "string"}}},
        },
        **error_responses(NotFound, NotReady, Expired),
    },
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/jobs/$JOB/report.html" -o report.html')},
)
def get_report_page(context: SharedJobs, caller: CallerOf, job_id: JobId, signature: SignatureOf) -> Response:
    record = context.store.get(job_id, caller.id)
    report = json.loads(context.blobs.read(_require_artifact(record, REPORT_NAME, utc_now()).blob))
    shown = record.result.artifacts if record.result is not None else []
    names = [artifact.name for artifact in shown if artifact.media_type.startswith("image/")]
    addresses = [f"{job_url(record.id)}/artifacts/{name}" for name in names]
    if caller.id:
        signed = SignedUrls(context.redis)
        addresses = [signed.sign(address, caller.id) for address in addresses]
    page = report_page(f"Report of {record.id}", report, list(zip(names, addresses, strict=True)))
    return Response(page, 200, {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}, "text/html")


@router.get(
    "/{job_id}/artifacts/{name}",
    response_class=Response,
    summary="Download a result",
    responses={
        **_RESPONSES,
        200: {"description": "The file", "content": _FILE},
    },
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/jobs/$JOB/artifacts/$ARTIFACT" -o result.bin')},
)
def get_artifact(
    request: Request,
    context: SharedJobs,
    caller: CallerOf,
    job_id: JobId,
    name: Annotated[str, Path(description="An artifact's name from the job's result.", max_length=200)],
    signature: SignatureOf,
) -> Response:
    return _serve(request, context, caller, job_id, name)


def _serve(request: Request, context: JobContext, caller: Caller, job_id: str, name: str) -> Response:
    record = context.store.get(job_id, caller.id)
    artifact = _require_artifact(record, name, utc_now())
    tag = f'"{artifact.sha256}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match")
    if known is not None and matches(known, tag):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{artifact.name}"'
    headers["X-Content-Type-Options"] = "nosniff"

    conditional = request.headers.get("if-range")
    wanted = request.headers.get("range") if conditional in (None, tag) else None
    try:
        part = parse_range(wanted, artifact.bytes)
    except RangeNotSatisfiable:
        error = InvalidRequest(f"the range {wanted!r} lies outside the {artifact.bytes:,} bytes of {artifact.name}")
        return problem_response(request, error, status=416, headers={"Content-Range": f"bytes */{artifact.bytes}"})
    start, stop = part or (0, artifact.bytes)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{artifact.bytes}"
    if not context.blobs.exists(artifact.blob):  # the record can be a moment behind a deletion
        raise Expired(f"{artifact.name} of job {job_id} is not kept any more; run the job again")
    if is_head(request):
        return Response(status_code=206 if part else 200, headers=headers, media_type=artifact.media_type)
    chunks = context.blobs.read_range(artifact.blob, start, stop)
    return StreamingResponse(chunks, 206 if part else 200, headers, artifact.media_type)


def _require_artifact(record: JobRecord, name: str, now: datetime) -> Artifact:
    """The artifact if it can be had now. Raises NotReady, Expired, NotFound."""
    if not record.is_final:
        raise NotReady(
            f"job {record.id} is {record.status}; poll it and ask again once it has succeeded", retry_after=2
        )
    if record.status == "expired" or (record.expires_at is not None and record.expires_at <= now):
        raise Expired(f"the results of job {record.id} are not kept any more; run the job again")
    artifact = find_artifact(record, name)
    if artifact is None:
        names = [entry.name for entry in record.result.artifacts] if record.result else []
        have = f"it has {', '.join(names)}" if names else f"it ended {record.status}, without results"
        raise NotFound(f"job {record.id} has no artifact {name[:200]!r}; {have}")
    return artifact
