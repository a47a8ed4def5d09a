"""Jobs over HTTP: post, list, poll, cancel, delete. Each endpoint parses, calls one function, and shows the record."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator, StringConstraints
from starlette.concurrency import run_in_threadpool

from service.files.form import Form, is_json, receive_form, receive_json
from service.http.headers import matches
from service.http.openapi import curl, error_responses
from service.http.own_names import NAME_PATTERN
from service.http.preferences import applied, preferred_wait_s
from service.jobs.context import JobContext, SharedJobs
from service.jobs.estimates import outlook_of
from service.jobs.find import JobFilter, find_jobs, written_as_a_time
from service.jobs.idempotency import Answer, IdempotencyKey
from service.jobs.intake import check_queue, form_of_json, submit_again, submit_once
from service.jobs.own_job import JOB_NAMES, JobId
from service.jobs.queue import withdraw
from service.jobs.request_body import job_body
from service.jobs.retention import forget_job
from service.jobs.schemas import JOB_ID_PATTERN, JobKind, JobRecord, JobStatus
from service.jobs.views import JobPage, JobView, entity_tag, job_url, job_view, position_of, view_with
from service.keys.caller import CallerOf
from workers.contract.errors import (
    Expired,
    FileTooLarge,
    IdempotencyConflict,
    IdempotencyMismatch,
    InvalidOptions,
    NotCancelable,
    NotFound,
    NotReady,
    QueueFull,
    UnsupportedFormat,
)

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobName = Annotated[
    str,
    Path(
        alias="job_id",
        description="A name of your own, not beginning with job_.",
        pattern=NAME_PATTERN,
        examples=["shot-12"],
    ),
]
Cursor = Annotated[str | None, Query(pattern=JOB_ID_PATTERN, description="`next_cursor` of the page before.")]

IdempotencyHeader = Annotated[
    str | None,
    Header(
        pattern=r"^\s*[\x21-\x7e]{1,255}\s*$",
        description="Any text of yours, such as a UUID: a request sent again with it makes no second job for 24 h.",
    ),
]
CacheHeader = Annotated[
    str | None,
    Header(description="`no-cache`: make the result anew, even if the same request was answered before."),
]
PreferHeader = Annotated[str | None, Header(description="`wait=N`: answer when the job has ended, or after N seconds.")]

Moment = Annotated[AwareDatetime, BeforeValidator(written_as_a_time)]

_REFUSED = error_responses(
    FileTooLarge, UnsupportedFormat, InvalidOptions, NotFound, QueueFull, IdempotencyConflict, IdempotencyMismatch
)

RETRY_AFTER_S = {"queued": "2", "running": "1", "canceling": "1"}


@router.post(
    "",
    status_code=202,
    response_model=JobView,
    summary="Retarget a motion onto a character",
    responses={
        200: {"model": JobView, "description": "With `Prefer: wait`: the job has ended"},
        **_REFUSED,
    },
    openapi_extra={
        **job_body(),
        "x-codeSamples": curl(
            'curl -sS "$URL/v1/jobs" -F motion=@walk.bvh -F character=@character.glb -F \'options={"start":"origin"}\'',
            'curl -sS "$URL/v1/jobs" -F motion=@walk.bvh -F character=$CHARACTER -F definition=@definition.json',
            'curl -sS "$URL/v1/jobs" -H "Content-Type: application/json" '
            '-d \'{"motion": "\'$MOTION\'", "character": "\'$CHARACTER\'"}\'',
        ),
    },
)
async def post_job(
    request: Request,
    context: SharedJobs,
    caller: CallerOf,
    idempotency_key: IdempotencyHeader = None,
    prefer: PreferHeader = None,
    cache_control: CacheHeader = None,
) -> Response:
    """Takes the files, or ids of stored ones, and answers as soon as they are kept: poll the job at `Location`.

    With `Prefer: wait=N` it answers when the job has ended (200), at most N seconds later. A request that is sent again
    with the same `Idempotency-Key` gets the first answer again. A new job of the same request takes the result of the
    earlier one (`result.cached_from`) unless `Cache-Control: no-cache` asks for another.
    """
    key = None if idempotency_key is None else IdempotencyKey(context.redis, caller.id, idempotency_key)
    await run_in_threadpool(check_queue, context, caller)
    async with _received(request, context, cache_control) as form:
        made = await run_in_threadpool(submit_once, context, form, caller.id, key)
    return await _answer(context, made, prefer)


@router.put(
    "/{job_id}",
    status_code=202,
    response_model=JobView,
    summary="Retarget under a name of your own",
    responses={
        200: {"model": JobView, "description": "There is such a job already: as it is now"},
        **_REFUSED,
    },
    openapi_extra={
        **job_body(),
        "x-codeSamples": curl(
            'curl -sS -X PUT "$URL/v1/jobs/shot-12.take-3" -F motion=@walk.bvh -F character=@character.glb'
        ),
    },
)
async def put_job(
    request: Request, context: SharedJobs, caller: CallerOf, name: JobName, cache_control: CacheHeader = None
) -> Response:
    """As POST, but sent twice it is one job, which can be asked for under this name too. Another body is refused."""
    JOB_NAMES.check(name)
    key = IdempotencyKey(context.redis, caller.id, f"put:{name}")
    await run_in_threadpool(check_queue, context, caller)
    async with _received(request, context, cache_control) as form:
        made = await run_in_threadpool(submit_once, context, form, caller.id, key, name)
    if isinstance(made, Answer):
        known = await run_in_threadpool(context.store.get, made.job_id, caller.id)
        return await run_in_threadpool(job_response, context, known, 200)
    return await run_in_threadpool(job_response, context, made, 202)


@contextlib.asynccontextmanager
async def _received(request: Request, context: JobContext, cache_control: str | None) -> AsyncIterator[Form]:
    """The form of a job, be it sent as multipart or as JSON."""
    fresh = any(word.strip().lower() in ("no-cache", "no-store") for word in (cache_control or "").split(","))
    if is_json(request):
        yield replace(form_of_json(await receive_json(request, context.reception)), fresh=fresh)
        return
    async with receive_form(
        request,
        context.reception,
        file_parts=["motion", "character", "source_character"],
        text_parts=["options", "metadata", "definition", "source_definition", "deadline_s", "priority", "webhook"],
        id_parts=["motion", "character", "source_character"],
    ) as form:
        form.fresh = fresh
        yield form


async def _answer(context: JobContext, made: JobRecord | Answer, prefer: str | None) -> Response:
    """The answer to a posted job: at once, or when it has ended, or the one that was given before."""
    if isinstance(made, Answer):
        return await run_in_threadpool(_replayed, context, made)
    wait_s = preferred_wait_s(prefer)
    if wait_s is None:
        return await run_in_threadpool(job_response, context, made, 202)
    wait_s = min(wait_s, context.settings.wait_max_s)
    record = await context.changes.wait_until_final(made.id, wait_s)
    response = await run_in_threadpool(job_response, context, record, 200 if record.is_final else 202)
    response.headers.update({"Location": job_url(record.id), **applied(wait_s)})
    return response


def _replayed(context: JobContext, answer: Answer) -> Response:
    """The first answer again; from the record, where its gateway died before it had written the answer down."""
    headers = {
        "Location": job_url(answer.job_id),
        "Idempotency-Replayed": "true",
        "Retry-After": RETRY_AFTER_S["queued"],
    }
    if answer.body is None:
        response = job_response(context, context.store.get(answer.job_id), 202)
        response.headers.update(headers)
        return response
    return Response(answer.body, 202, headers, "application/json")


@router.get(
    "",
    summary="List jobs, newest first",
    responses=error_responses(),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/jobs?status=succeeded&limit=5"')},
)
def list_jobs(
    context: SharedJobs,
    caller: CallerOf,
    status: JobStatus | None = None,
    kind: JobKind = "retarget",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Cursor = None,
    created_after: Annotated[Moment | None, Query(description="RFC 3339, with a zone.")] = None,
    created_before: Annotated[Moment | None, Query(description="RFC 3339, with a zone.")] = None,
    metadata: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[^:]+:")]] | None,
        Query(description="`KEY:TEXT`: jobs whose metadata have this text, number or truth at KEY."),
    ] = None,
) -> JobPage:
    """With `metadata` a page may be shorter than asked for, and still have a `next_cursor`."""
    wanted = JobFilter(kind, status, caller.id, created_after, created_before, metadata or [])
    records, next_cursor = find_jobs(context.store, wanted, limit, cursor)
    return JobPage(data=[job_view(context.store, record) for record in records], next_cursor=next_cursor)


@router.get(
    "/{job_id}",
    response_model=JobView,
    summary="Poll a job",
    responses={304: {"description": "Unchanged since the ETag in If-None-Match"}, **error_responses(NotFound)},
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/jobs/$JOB?wait=30"')},
)
async def get_job(
    request: Request,
    context: SharedJobs,
    caller: CallerOf,
    job_id: JobId,
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for the job to end; capped by the server.")] = 0,
    prefer: PreferHeader = None,
) -> Response:
    """Always 200 for a job that exists. `wait` answers when the job ends or, with `If-None-Match`, when it changes."""
    known = request.headers.get("if-none-match")
    wait = min(max(wait, preferred_wait_s(prefer) or 0.0), context.settings.wait_max_s)
    if not wait:  # the plain poll: one thread, and one look at Redis or two
        return await run_in_threadpool(_polled, context, job_id, caller.id, known)
    if caller.id:
        await run_in_threadpool(context.store.get, job_id, caller.id)

    def changed(record: JobRecord) -> bool:
        return record.is_final or not matches(known or "", _tag(context, record))

    if known is None:
        await context.changes.wait_until_final(job_id, wait)
    else:
        await context.changes.wait_until(job_id, changed, wait)
    return await run_in_threadpool(_polled, context, job_id, caller.id, known)


def _polled(context: JobContext, job_id: str, owner: str, known: str | None) -> Response:
    """The job as it is now, or that it is still as the caller knows it."""
    record = context.store.get(job_id, owner)
    outlook = outlook_of(context.store, record)
    tag = entity_tag(record, position_of(record, outlook))
    headers = {"ETag": tag, "Cache-Control": "no-cache", **_retry_after(record)}
    if known is not None and matches(known, tag):
        return Response(status_code=304, headers=headers)
    return Response(view_with(context.store, record, outlook).model_dump_json(), 200, headers, "application/json")


@router.post(
    "/{job_id}/cancel",
    response_model=JobView,
    summary="Cancel a job",
    responses={
        202: {"model": JobView, "description": "The job is running; it ends soon (canceling)"},
        **error_responses(NotFound, NotCancelable),
    },
    openapi_extra={"x-codeSamples": curl('curl -sS -X POST "$URL/v1/jobs/$JOB/cancel"')},
)
def cancel_job(context: SharedJobs, caller: CallerOf, job_id: JobId) -> Response:
    """A waiting job is canceled at once (200), a running one is asked to stop (202)."""
    context.store.get(job_id, caller.id)
    record = context.store.request_cancel(job_id)
    if record.is_final:
        withdraw(context.store, record)
    return job_response(context, record, 200 if record.is_final else 202)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    response_model=JobView,
    summary="Do an ended job again",
    responses=error_responses(NotFound, NotReady, Expired, QueueFull),
    openapi_extra={"x-codeSamples": curl('curl -sS -X POST "$URL/v1/jobs/$JOB/retry"')},
)
def retry_job(context: SharedJobs, caller: CallerOf, job_id: JobId) -> Response:
    """A new job on the same files with the same options; `retry_of` names the one before, which stays as it is."""
    check_queue(context, caller)
    return job_response(context, submit_again(context, context.store.get(job_id, caller.id)), 202)


@router.delete(
    "/{job_id}",
    status_code=204,
    summary="Delete a job, its uploads and its results",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS -X DELETE "$URL/v1/jobs/$JOB"')},
)
def delete_job(context: SharedJobs, caller: CallerOf, job_id: JobId) -> Response:
    """At once; an execution that is still running is stopped and can publish nothing."""
    forget_job(context.store, context.blobs, context.store.get(job_id, caller.id))
    return Response(status_code=204)


def job_response(context: JobContext, record: JobRecord, status: int) -> Response:
    """The job as JSON, with its address, tag, and when to ask again."""
    outlook = outlook_of(context.store, record)
    tag = entity_tag(record, position_of(record, outlook))
    headers = {"ETag": tag, "Cache-Control": "no-cache", **_retry_after(record)}
    if status == 202:
        headers["Location"] = job_url(record.id)
    return Response(view_with(context.store, record, outlook).model_dump_json(), status, headers, "application/json")


def _tag(context: JobContext, record: JobRecord) -> str:
    return entity_tag(record, position_of(record, outlook_of(context.store, record)))


def _retry_after(record: JobRecord) -> dict[str, str]:
    seconds = RETRY_AFTER_S.get(record.status)
    return {"Retry-After": seconds} if seconds else {}
