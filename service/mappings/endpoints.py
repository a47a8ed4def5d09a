"""Mapping presets over HTTP: make, list, look, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from service.files.form import Form, is_json, receive_form, receive_json
from service.http.context import Shared
from service.http.openapi import curl, error_responses
from service.inspections.reading_errors import READING_ERRORS
from service.jobs.context import JobContext, SharedJobs
from service.jobs.intake import check_queue, submit_inspect
from service.jobs.schemas import JobRecord
from service.keys.caller import CallerOf
from service.keys.schemas import Caller
from service.mappings.intake import check_origin, inspection_form, preset_from, read_request
from service.mappings.request_body import mapping_body
from service.mappings.schemas import (
    EXAMPLE_ID,
    FINGERPRINT_PATTERN,
    PRESET_ID_PATTERN,
    MappingRequest,
    PresetPage,
    PresetView,
    preset_url,
    preset_view,
)
from service.mappings.store import MappingStore
from workers.contract.errors import FileTooLarge, InvalidRequest, JobTimeout, NotFound, NotReady, OutOfMemory, QueueFull

router = APIRouter(prefix="/v1/mappings", tags=["mappings"])

PresetId = Annotated[str, Path(description="A preset's id.", examples=[EXAMPLE_ID], max_length=64)]
Cursor = Annotated[str | None, Query(pattern=PRESET_ID_PATTERN, description="`next_cursor` of the page before.")]
Fingerprint = Annotated[str | None, Query(pattern=FINGERPRINT_PATTERN, description="Only those of this skeleton.")]


@router.post(
    "",
    status_code=201,
    response_model=PresetView,
    summary="Keep a mapping for a skeleton",
    responses=error_responses(*READING_ERRORS, FileTooLarge, NotFound, QueueFull, NotReady, JobTimeout, OutOfMemory),
    openapi_extra={
        **mapping_body(),
        "x-codeSamples": curl(
            'curl -sS "$URL/v1/mappings" -H "Content-Type: application/json" -d \'{"name": "our rig", '
            '"fingerprint": "skl_00000000000000000000000000000000", "mapping": {"leftToes": null}}\'',
            'curl -sS "$URL/v1/mappings" -F file=@character.glb -F \'preset={"name": "as found"}\'',
        ),
    },
)
async def post_mapping(
    request: Request,
    context: SharedJobs,
    caller: CallerOf,
    idempotency_key: Annotated[str | None, Header(description="Refused: only POST /v1/jobs honours it.")] = None,
) -> Response:
    """From now on, jobs whose motion or character has this skeleton use it. The fingerprint is in inspections and
    reports; with a file or an asset it is taken from there.
    """
    if idempotency_key is not None:
        message = "is honoured at POST /v1/jobs only; leave it out"
        raise InvalidRequest(
            f"header Idempotency-Key {message}", errors=[{"pointer": "/header/idempotency-key", "message": message}]
        )
    inspected: JobRecord | None = None
    if is_json(request):
        wanted = read_request(await receive_json(request, context.reception))
        check_origin(wanted, has_file=False)
        if wanted.asset is not None:
            inspected = await _inspect(context, caller, wanted, None)
    else:
        async with receive_form(
            request,
            context.reception,
            file_parts=["file"],
            text_parts=["preset"],
            id_parts=["file"],
        ) as form:
            wanted = _wanted_of(form)
            inspected = await _inspect(context, caller, wanted, form)
    record = await run_in_threadpool(preset_from, context, wanted, inspected, caller.id)
    return JSONResponse(preset_view(record).model_dump(mode="json"), 201, {"Location": preset_url(record.id)})


@router.get(
    "",
    summary="List mapping presets, newest first",
    responses=error_responses(),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/mappings?limit=5"')},
)
def list_mappings(
    context: Shared,
    caller: CallerOf,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Cursor = None,
    fingerprint: Fingerprint = None,
) -> PresetPage:
    records, next_cursor = MappingStore(context.redis, caller.id).page(limit, cursor, fingerprint)
    return PresetPage(data=[preset_view(record) for record in records], next_cursor=next_cursor)


@router.get(
    "/{preset_id}",
    summary="A mapping preset",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/mappings/$MAPPING"')},
)
def get_mapping(context: Shared, caller: CallerOf, preset_id: PresetId) -> PresetView:
    return preset_view(MappingStore(context.redis, caller.id).get(preset_id))


@router.delete(
    "/{preset_id}",
    status_code=204,
    summary="Delete a mapping preset",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS -X DELETE "$URL/v1/mappings/$MAPPING"')},
)
def delete_mapping(context: Shared, caller: CallerOf, preset_id: PresetId) -> Response:
    """Jobs that run already keep what they took from it."""
    store = MappingStore(context.redis, caller.id)
    store.delete(store.get(preset_id))
    return Response(status_code=204)


def _wanted_of(form: Form) -> MappingRequest:
    if "preset" not in form.texts:
        message = 'this JSON part is required, as with curl -F \'preset={"name": "our rig"}\''
        raise InvalidRequest(f"part 'preset': {message}", errors=[{"pointer": "/preset", "message": message}])
    wanted = read_request(form.texts["preset"], "/preset")
    check_origin(wanted, has_file="file" in form.files or "file" in form.texts)
    if "file" not in form.files and "file" not in form.texts:
        message = "the file part is missing; without a file send the preset as a JSON body"
        raise InvalidRequest(message, errors=[{"pointer": "/file", "message": message}])
    return wanted


async def _inspect(context: JobContext, caller: Caller, wanted: MappingRequest, form: Form | None) -> JobRecord:
    await run_in_threadpool(check_queue, context, caller)
    submitted = await run_in_threadpool(submit_inspect, context, inspection_form(wanted, form), caller.id)
    return await context.changes.wait_until_final(submitted.id, context.settings.inspect_wait_s)
