"""Batches over HTTP: post, list, look, items, results, cancel, retry, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from service.batches.feeding import cancel_jobs, feed
from service.batches.intake import check_room, read_request, submit_batch_once
from service.batches.items import Items
from service.batches.own_batch import BATCH_NAMES, BatchId
from service.batches.results import archive, json_lines
from service.batches.retention import forget_batch
from service.batches.schemas import BATCH_ID_PATTERN, BatchRecord, BatchRequest, ItemStatus
from service.batches.store import BatchStore
from service.batches.views import (
    BatchPage,
    BatchView,
    ItemPage,
    RetryAnswer,
    WorstItems,
    batch_tag,
    batch_url,
    batch_view,
)
from service.files.form import receive_json
from service.http.headers import matches
from service.http.openapi import curl, error_responses, schema_reference
from service.http.own_names import NAME_PATTERN
from service.jobs.context import JobContext, SharedJobs
from service.jobs.endpoints import IdempotencyHeader
from service.jobs.idempotency import Answer, IdempotencyKey
from service.keys.caller import CallerOf
from workers.contract.errors import (
    Expired,
    IdempotencyConflict,
    IdempotencyMismatch,
    InvalidOptions,
    NotCancelable,
    NotFound,
    QueueFull,
)

router = APIRouter(prefix="/v1/batches", tags=["batches"])
BODY_MAX_BYTES = 8 * 2**20
RETRIED = ("failed", "expired", "canceled")

Cursor = Annotated[str | None, Query(pattern=BATCH_ID_PATTERN, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]
BatchName = Annotated[
    str,
    Path(
        alias="batch_id",
        description="A name of your own, not beginning with bat_.",
        pattern=NAME_PATTERN,
        examples=["episode-3"],
    ),
]
_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": schema_reference("BatchRequest")}}}
}
_REFUSED = error_responses(InvalidOptions, NotFound, QueueFull, IdempotencyConflict, IdempotencyMismatch)
_JSON = '-H "Content-Type: application/json"'
_EXAMPLE = '{"motions": ["\'$MOTION\'"], "characters": ["\'$CHARACTER\'"]}'


@router.post(
    "",
    status_code=202,
    response_model=BatchView,
    summary="Retarget many motions onto many characters",
    responses=_REFUSED,
    openapi_extra={**_BODY, "x-codeSamples": curl(f"curl -sS \"$URL/v1/batches\" {_JSON} -d '{_EXAMPLE}'")},
)
async def post_batch(
    request: Request, context: SharedJobs, caller: CallerOf, idempotency_key: IdempotencyHeader = None
) -> Response:
    """Takes ids of stored files: every motion onto every character, or `pairs`. Each item becomes an ordinary job as
    the queue has room. A request that is sent again with the same `Idempotency-Key` makes no second batch.
    """
    key = (
        None
        if idempotency_key is None
        else IdempotencyKey(context.redis, caller.id, f"batch:{idempotency_key.strip()}")
    )
    await run_in_threadpool(check_room, context, caller)
    wanted = await _received(request, context)
    return await run_in_threadpool(_made, context, wanted, caller.id, key, None)


@router.put(
    "/{batch_id}",
    status_code=202,
    response_model=BatchView,
    summary="Make a batch under a name of your own",
    responses={200: {"model": BatchView, "description": "There is such a batch already: as it is now"}, **_REFUSED},
    openapi_extra={
        **_BODY,
        "x-codeSamples": curl(f"curl -sS -X PUT \"$URL/v1/batches/episode-3\" {_JSON} -d '{_EXAMPLE}'"),
    },
)
async def put_batch(request: Request, context: SharedJobs, caller: CallerOf, name: BatchName) -> Response:
    """As POST, but sent twice it is one batch, which can be asked for under this name too. Another body is refused."""
    BATCH_NAMES.check(name)
    key = IdempotencyKey(context.redis, caller.id, f"put-batch:{name}")
    await run_in_threadpool(check_room, context, caller)
    wanted = await _received(request, context)
    return await run_in_threadpool(_made, context, wanted, caller.id, key, name)


async def _received(request: Request, context: JobContext) -> BatchRequest:
    body = await receive_json(request, context.reception, BODY_MAX_BYTES)
    return read_request(body, context.settings.batch_items_max)


def _made(
    context: JobContext, wanted: BatchRequest, owner: str, key: IdempotencyKey | None, name: str | None
) -> Response:
    made = submit_batch_once(context, wanted, owner, key, name)
    if isinstance(made, Answer):
        record = BatchStore(context.redis).get(made.job_id, owner)
        response = _shown(context, record, 202 if name is None else 200)
        response.headers["Idempotency-Replayed"] = "true"
    else:
        feed(context.store, context.blobs, context.settings, made.id)
        response = _shown(context, BatchStore(context.redis).get(made.id), 202)
    return response


@router.get(
    "",
    summary="List batches, newest first",
    responses=error_responses(),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/batches?limit=5"')},
)
def list_batches(context: SharedJobs, caller: CallerOf, limit: Limit = 20, cursor: Cursor = None) -> BatchPage:
    store = BatchStore(context.redis)
    records, next_cursor = store.page(limit, cursor, caller.id)
    return BatchPage(data=[batch_view(record, store.counts(record.id)) for record in records], next_cursor=next_cursor)


@router.get(
    "/{batch_id}",
    response_model=BatchView,
    summary="Poll a batch",
    responses={304: {"description": "Unchanged since the ETag in If-None-Match"}, **error_responses(NotFound)},
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/batches/$BATCH?wait=0.1"')},
)
async def get_batch(
    request: Request,
    context: SharedJobs,
    caller: CallerOf,
    batch_id: BatchId,
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for it to end; capped by the server.")] = 0,
) -> Response:
    """`wait` answers when the batch has ended or, with `If-None-Match`, when an item's state has changed."""
    known, store = request.headers.get("if-none-match"), BatchStore(context.redis)

    def look() -> tuple[tuple[BatchRecord, dict[str, int]], bool]:
        record, counts = store.get(batch_id, caller.id), store.counts(batch_id)
        is_new = known is not None and not matches(known, batch_tag(record, counts))
        return (record, counts), record.finished_at is not None or is_new

    record, counts = await context.changes.wait_for_batch(batch_id, look, min(wait, context.settings.wait_max_s))
    tag = batch_tag(record, counts)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if known is not None and matches(known, tag):
        return Response(status_code=304, headers=headers)
    return Response(batch_view(record, counts).model_dump_json(), 200, headers, "application/json")


@router.get(
    "/{batch_id}/items",
    summary="The items of a batch",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/batches/$BATCH/items?status=failed"')},
)
def list_items(
    context: SharedJobs,
    caller: CallerOf,
    batch_id: BatchId,
    status: ItemStatus | None = None,
    limit: Limit = 20,
    cursor: Annotated[int, Query(ge=0, le=10_000_000, description="`next_cursor` of the page before.")] = 0,
) -> ItemPage:
    """In their order: all characters of the first motion, then those of the next."""
    record = BatchStore(context.redis).get(batch_id, caller.id)
    items, following = Items(context.store, record).page(limit, cursor, status)
    return ItemPage(data=items, next_cursor=None if following is None else str(following))


@router.get(
    "/{batch_id}/worst",
    summary="The items to look at first",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/batches/$BATCH/worst?limit=10"')},
)
def list_worst(context: SharedJobs, caller: CallerOf, batch_id: BatchId, limit: Limit = 20) -> WorstItems:
    """Those that failed, then by verdict, then by how much of the meaning was kept."""
    record = BatchStore(context.redis).get(batch_id, caller.id)
    return WorstItems(data=Items(context.store, record).worst(limit))


@router.get(
    "/{batch_id}/results.jsonl",
    response_class=Response,
    summary="All results, one line of JSON an item",
    responses={
        200: {"description": "The lines", "content": {"application/jsonl": {"schema": {"type": "string"}}}},
        **error_responses(NotFound),
    },
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/batches/$BATCH/results.jsonl" -o results.jsonl')},
)
def get_results(context: SharedJobs, caller: CallerOf, batch_id: BatchId) -> Response:
    """As they are now; of a batch that runs some are not there yet."""
    record = BatchStore(context.redis).get(batch_id, caller.id)
    return StreamingResponse(json_lines(context.store, record), media_type="application/jsonl")


@router.get(
    "/{batch_id}/results.zip",
    response_class=Response,
    summary="All results as one zip",
    responses={
        200: {
            "description": "A folder for each item, and `results.jsonl`",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **error_responses(NotFound),
    },
    openapi_extra={
        "x-codeSamples": curl('curl -sS "$URL/v1/batches/$BATCH/results.zip?artifact=result.glb" -o results.zip')
    },
)
def get_archive(
    context: SharedJobs,
    caller: CallerOf,
    batch_id: BatchId,
    artifact: Annotated[
        list[str] | None, Query(description="Only files of this name; may be given several times.", max_length=50)
    ] = None,
) -> Response:
    """Made while it is sent: its size is not known before its end."""
    record = BatchStore(context.redis).get(batch_id, caller.id)
    headers = {"Content-Disposition": f'attachment; filename="{record.id}.zip"'}
    chunks = archive(context.store, context.blobs, record, set(artifact or []))
    return StreamingResponse((chunk for chunk in chunks if chunk), 200, headers, "application/zip")


@router.post(
    "/{batch_id}/cancel",
    status_code=202,
    response_model=BatchView,
    summary="Cancel a batch",
    responses=error_responses(NotFound, NotCancelable),
    openapi_extra={"x-codeSamples": curl('curl -sS -X POST "$URL/v1/batches/$BATCH/cancel"')},
)
def cancel_batch(context: SharedJobs, caller: CallerOf, batch_id: BatchId) -> Response:
    """What waits is canceled at once, what runs is asked to stop; results that are there stay."""
    store = BatchStore(context.redis)
    record = store.get(batch_id, caller.id)
    if record.finished_at is not None:
        raise NotCancelable(f"batch {record.id} has already ended; delete it to remove what it made")
    store.drop_pending(record.id, "canceled")
    cancel_jobs(context.store, store, record.id)
    return _shown(context, store.get(record.id), 202)


@router.post(
    "/{batch_id}/retry",
    status_code=202,
    summary="Do again what failed",
    responses=error_responses(NotFound, Expired),
    openapi_extra={"x-codeSamples": curl('curl -sS -X POST "$URL/v1/batches/$BATCH/retry"')},
)
def retry_batch(context: SharedJobs, caller: CallerOf, batch_id: BatchId) -> RetryAnswer:
    """Every item whose job failed, expired or was canceled gets a new job; asked twice, it is done once."""
    store = BatchStore(context.redis)
    record = store.get(batch_id, caller.id)
    if not record.holds_inputs:
        raise Expired(f"the uploads of batch {record.id} are not kept any more; make a new batch")
    taken = store.take_again(record.id, list(RETRIED))
    feed(context.store, context.blobs, context.settings, record.id)
    return RetryAnswer(items=taken, batch=batch_view(store.get(record.id), store.counts(record.id)))


@router.delete(
    "/{batch_id}",
    status_code=204,
    summary="Delete a batch with its jobs and their results",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS -X DELETE "$URL/v1/batches/$BATCH"')},
)
def delete_batch(context: SharedJobs, caller: CallerOf, batch_id: BatchId) -> Response:
    """At once, as with each of its jobs."""
    forget_batch(context.store, context.blobs, BatchStore(context.redis).get(batch_id, caller.id))
    return Response(status_code=204)


def _shown(context: JobContext, record: BatchRecord, status: int) -> Response:
    counts = BatchStore(context.redis).counts(record.id)
    headers = {"ETag": batch_tag(record, counts), "Cache-Control": "no-cache", "Location": batch_url(record.id)}
    return Response(batch_view(record, counts).model_dump_json(), status, headers, "application/json")
