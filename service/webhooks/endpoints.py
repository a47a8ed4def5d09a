"""Webhook endpoints over HTTP: make, list, look, change, rotate, test, delete."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from service.files.form import receive_json
from service.http.context import Shared
from service.http.openapi import curl, error_responses, schema_reference
from service.keys.caller import CallerOf
from service.records import new_id, utc_now
from service.webhooks.deliveries import delivery_view
from service.webhooks.intake import changed, make_endpoint, parse
from service.webhooks.outbox import body_of
from service.webhooks.schemas import (
    ENDPOINT_ID_PATTERN,
    EXAMPLE_ENDPOINT,
    DeliveryRecord,
    DeliveryView,
    EndpointChange,
    EndpointPage,
    EndpointRequest,
    EndpointView,
    KeptSecret,
    RotateRequest,
    endpoint_url,
    endpoint_view,
)
from service.webhooks.signing import new_secret
from service.webhooks.store import WebhookStore
from workers.contract.errors import NotFound, QueueFull

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"])
Cursor = Annotated[str | None, Query(pattern=ENDPOINT_ID_PATTERN, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]
EndpointId = Annotated[str, Path(description="An endpoint's id.", examples=[EXAMPLE_ENDPOINT], max_length=64)]
_JSON = '-H "Content-Type: application/json"'


def _body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": schema_reference(model.__name__)}},
        }
    }


@router.post(
    "",
    status_code=201,
    response_model=EndpointView,
    summary="Have an address told of your jobs and batches",
    responses=error_responses(QueueFull),
    openapi_extra={
        **_body(EndpointRequest),
        "x-codeSamples": curl(
            f'curl -sS "$URL/v1/webhook-endpoints" {_JSON} '
            '-d \'{"url": "https://hooks.example.com/retarget", "events": ["job.failed", "batch.completed"]}\''
        ),
    },
)
async def post_webhook_endpoint(request: Request, context: Shared, caller: CallerOf) -> Response:
    """Messages are signed as Standard Webhooks has it, with the `secret` of this answer, which is not shown again."""
    wanted = parse(EndpointRequest, await receive_json(request, context.reception))
    record, secret = await run_in_threadpool(make_endpoint, context, wanted, caller.id)
    shown = endpoint_view(record, secret).model_dump(mode="json")
    return JSONResponse(shown, 201, {"Location": endpoint_url(record.id)})


@router.get(
    "",
    summary="List webhook endpoints, newest first",
    responses=error_responses(),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/webhook-endpoints"')},
)
def list_webhook_endpoints(context: Shared, caller: CallerOf, limit: Limit = 20, cursor: Cursor = None) -> EndpointPage:
    records, next_cursor = WebhookStore(context.redis).page(limit, cursor, caller.id)
    return EndpointPage(data=[endpoint_view(record) for record in records], next_cursor=next_cursor)


@router.get(
    "/{endpoint_id}",
    summary="A webhook endpoint",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/webhook-endpoints/$ENDPOINT"')},
)
def get_webhook_endpoint(context: Shared, caller: CallerOf, endpoint_id: EndpointId) -> EndpointView:
    return endpoint_view(WebhookStore(context.redis).get(endpoint_id, caller.id))


@router.put(
    "/{endpoint_id}",
    response_model=EndpointView,
    summary="Change a webhook endpoint",
    responses=error_responses(NotFound),
    openapi_extra={
        **_body(EndpointChange),
        "x-codeSamples": curl(
            f'curl -sS -X PUT "$URL/v1/webhook-endpoints/$ENDPOINT" {_JSON} -d \'{{"enabled": true}}\''
        ),
    },
)
async def put_webhook_endpoint(
    request: Request, context: Shared, caller: CallerOf, endpoint_id: EndpointId
) -> EndpointView:
    """What is not named stays. `enabled` true sends again to an endpoint that was switched off."""
    store = WebhookStore(context.redis)
    record = await run_in_threadpool(store.get, endpoint_id, caller.id)
    record = changed(context, record, parse(EndpointChange, await receive_json(request, context.reception)))
    await run_in_threadpool(store.update, record)
    return endpoint_view(record)


@router.post(
    "/{endpoint_id}/rotate",
    response_model=EndpointView,
    summary="Give a webhook endpoint a new secret",
    responses=error_responses(NotFound),
    openapi_extra={
        **_body(RotateRequest, required=False),
        "x-codeSamples": curl('curl -sS -X POST "$URL/v1/webhook-endpoints/$ENDPOINT/rotate"'),
    },
)
async def rotate_webhook_endpoint(
    request: Request, context: Shared, caller: CallerOf, endpoint_id: EndpointId
) -> EndpointView:
    """Until the old secret ends, messages have a signature of each. The new one is in this answer, and only here."""
    store, now, secret = WebhookStore(context.redis), utc_now(), new_secret()
    record = await run_in_threadpool(store.get, endpoint_id, caller.id)
    overlap_s = parse(RotateRequest, await receive_json(request, context.reception)).overlap_s
    newest = record.secrets[0].model_copy(update={"expires_at": now + timedelta(seconds=overlap_s)})
    record = record.model_copy(update={"secrets": [KeptSecret(secret=secret), newest]})
    await run_in_threadpool(store.update, record)
    return endpoint_view(record, secret)


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    summary="Send a test message",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS -X POST "$URL/v1/webhook-endpoints/$ENDPOINT/test"')},
)
def test_webhook_endpoint(context: Shared, caller: CallerOf, endpoint_id: EndpointId) -> DeliveryView:
    """A message `webhook.test`, signed and tried like any other."""
    store, now = WebhookStore(context.redis), utc_now()
    record = store.get(endpoint_id, caller.id)
    delivery = DeliveryRecord(
        id=new_id("msg_"),
        owner=caller.id,
        of=record.id,
        event="webhook.test",
        about=record.id,
        url=record.url,
        body=body_of("webhook.test", now, {"endpoint": record.id}),
        created_at=now,
        next_at=now,
    )
    store.add_delivery(delivery, now)
    return delivery_view(delivery)


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    summary="Delete a webhook endpoint",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS -X DELETE "$URL/v1/webhook-endpoints/$ENDPOINT"')},
)
def delete_webhook_endpoint(context: Shared, caller: CallerOf, endpoint_id: EndpointId) -> Response:
    """With its log; what is under way to it is given up."""
    store = WebhookStore(context.redis)
    store.delete(store.get(endpoint_id, caller.id))
    return Response(status_code=204)
