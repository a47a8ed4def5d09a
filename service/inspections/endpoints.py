"""POST /v1/inspect: what a file holds. The parsing is a worker's, on the ingest queue; the gateway waits a little."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from service.files.form import receive_form
from service.http.openapi import curl, error_responses
from service.inspections.reading_errors import READING_ERRORS
from service.inspections.request_body import inspect_body
from service.jobs.context import SharedJobs
from service.jobs.endpoints import job_response
from service.jobs.intake import check_queue, submit_inspect
from service.jobs.views import JobView, job_url
from service.keys.caller import CallerOf
from workers.contract.errors import (
    FileTooLarge,
    InternalError,
    JobTimeout,
    NotFound,
    NotReady,
    OutOfMemory,
    QueueFull,
    RetargetError,
)

router = APIRouter(prefix="/v1", tags=["inspect"])


@router.post(
    "/inspect",
    summary="Show what a file holds",
    response_class=JSONResponse,
    responses={
        200: {"description": "Skeleton, mapping, units, clips", "content": {"application/json": {}}},
        202: {"model": JobView, "description": "Not finished yet; poll the job at Location"},
        **error_responses(*READING_ERRORS, FileTooLarge, NotFound, QueueFull, NotReady, JobTimeout, OutOfMemory),
    },
    openapi_extra={
        **inspect_body(),
        "x-codeSamples": curl('curl -sS "$URL/v1/inspect" -F file=@character.glb'),
    },
)
async def post_inspect(request: Request, context: SharedJobs, caller: CallerOf) -> Response:
    """Answers with the inspection within seconds, else with the job that works on it."""
    await run_in_threadpool(check_queue, context, caller)
    async with receive_form(
        request,
        context.reception,
        file_parts=["file"],
        text_parts=["definition", "options"],
        id_parts=["file"],
    ) as form:
        submitted = await run_in_threadpool(submit_inspect, context, form, caller.id)
    record = await context.changes.wait_until_final(submitted.id, context.settings.inspect_wait_s)
    if record.status == "failed":
        raise RetargetError.from_dict(record.error or {})
    if not record.is_final:
        return await run_in_threadpool(job_response, context, record, 202)
    if record.result is None:
        raise NotReady(f"the inspection was {record.status} before it ended; send the file again")
    if record.result.inspection is None:
        raise InternalError(f"job {record.id} succeeded without an inspection")
    body: dict[str, Any] = record.result.inspection
    return JSONResponse(body, headers={"Content-Location": job_url(record.id)})
