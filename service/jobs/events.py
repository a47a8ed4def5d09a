"""GET /v1/jobs/{id}/events: what happens to a job, as server-sent events, with replay.

Every change of a job is one event with the record's version as its id, so ids rise and a client that comes back with
`Last-Event-ID` gets what it missed. The last 1,024 of a job are kept (`service.jobs.scripts`), for a day after its end;
who missed more, or asks later, gets the state as it is. Events:

    status     the state has changed
    progress   stage or share have changed
    done       the job has ended; `data` is the whole job, and the stream ends

Polling stays the plain way. A line of comment every 15 s keeps proxies from closing a silent connection.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from service.http.openapi import curl, error_responses
from service.jobs.context import JobContext, SharedJobs
from service.jobs.own_job import JobId
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.jobs.views import job_view
from service.keys.caller import CallerOf
from workers.contract.errors import InvalidRequest, NotFound

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
HEARTBEAT_S = 15

_STREAM = {"text/event-stream": {"schema": {"type": "string", "description": "Server-sent events."}}}


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    summary="Follow a job",
    responses={
        200: {"description": "`status`, `progress` and at last `done`, whose data is the job", "content": _STREAM},
        **error_responses(NotFound),
    },
    openapi_extra={"x-codeSamples": curl('curl -sSN "$URL/v1/jobs/$JOB/events"')},
)
async def get_events(
    request: Request,
    context: SharedJobs,
    caller: CallerOf,
    job_id: JobId,
    last_event_id: Annotated[
        str | None, Header(description="The id of the last event that was received; browsers send it by themselves.")
    ] = None,
) -> EventSourceResponse:
    """Each event has a rising id. With `Last-Event-ID` the stream goes on where it broke off."""
    seen = _version(last_event_id)
    await run_in_threadpool(context.store.get, job_id, caller.id)
    return EventSourceResponse(_events(context, job_id, seen), ping=HEARTBEAT_S, headers={"Cache-Control": "no-cache"})


async def _events(context: JobContext, job_id: str, seen: int | None) -> AsyncIterator[ServerSentEvent]:
    while not context.changes.is_closing:
        try:
            record, missed = await run_in_threadpool(_look, context.store, job_id, seen)
        except NotFound:  # deleted meanwhile
            return
        for event in missed:
            yield event
        if record.is_final:
            body = job_view(context.store, record).model_dump_json()
            yield ServerSentEvent(body, event="done", id=str(record.version))
            return
        seen = record.version
        try:
            await context.changes.wait_until(job_id, lambda record, seen=seen: record.version != seen, HEARTBEAT_S)  # type: ignore[misc]
        except NotFound:
            return


def _look(store: JobStore, job_id: str, seen: int | None) -> tuple[JobRecord, list[ServerSentEvent]]:
    """The record, and the events after the one that was seen; the state as it is where these are not kept."""
    record = store.get(job_id)
    if seen is not None and seen >= record.version:
        return record, []
    kept = [] if seen is None else [entry for entry in store.events(job_id, seen) if entry[0] <= record.version]
    if seen is not None and kept and kept[0][0] == seen + 1:
        return record, [_event(version, data) for version, data in kept]
    now = {"status": record.status, "stage": record.stage, "progress": record.progress}
    return record, [_event(record.version, {**now, "event": "status"})]


def _event(version: int, data: dict[str, Any]) -> ServerSentEvent:
    body = {name: value for name, value in data.items() if name != "event"}
    return ServerSentEvent(json.dumps(body), event=data["event"], id=str(version))


def _version(last_event_id: str | None) -> int | None:
    if last_event_id is None or not last_event_id.strip():
        return None
    if not last_event_id.strip().isdecimal() or len(last_event_id) > 15:
        message = "must be the id of an event, a whole number"
        raise InvalidRequest(
            f"header Last-Event-ID {message}", errors=[{"pointer": "/header/last-event-id", "message": message}]
        )
    return int(last_event_id)
