"""The log of messages over HTTP: list, look, send again."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.http.context import Shared
from service.http.openapi import curl, error_responses
from service.keys.caller import CallerOf
from service.records import utc_now
from service.webhooks.schemas import (
    DELIVERY_ID_PATTERN,
    EXAMPLE_DELIVERY,
    EXAMPLE_ENDPOINT,
    DeliveryPage,
    DeliveryRecord,
    DeliveryView,
)
from service.webhooks.store import WebhookStore
from workers.contract.errors import NotFound

router = APIRouter(prefix="/v1/webhook-deliveries", tags=["webhooks"])
DeliveryId = Annotated[str, Path(description="A message's id.", examples=[EXAMPLE_DELIVERY], max_length=68)]


@router.get(
    "",
    summary="The messages of an endpoint, job or batch",
    responses=error_responses(),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/webhook-deliveries?of=$ENDPOINT"')},
)
def list_webhook_deliveries(
    context: Shared,
    caller: CallerOf,
    of: Annotated[
        str,
        Query(
            description="Id of the endpoint, or of the job or batch that named its receiver itself.",
            examples=[EXAMPLE_ENDPOINT],
            max_length=64,
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[
        str | None, Query(pattern=DELIVERY_ID_PATTERN, description="`next_cursor` of the page before.")
    ] = None,
) -> DeliveryPage:
    """Newest first, kept seven days."""
    records, next_cursor = WebhookStore(context.redis).deliveries(of, limit, cursor, caller.id)
    return DeliveryPage(data=[delivery_view(record) for record in records], next_cursor=next_cursor)


@router.get(
    "/{delivery_id}",
    summary="A message and the tries to deliver it",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/webhook-deliveries/$DELIVERY"')},
)
def get_webhook_delivery(context: Shared, caller: CallerOf, delivery_id: DeliveryId) -> DeliveryView:
    return delivery_view(WebhookStore(context.redis).get_delivery(delivery_id, caller.id))


@router.post(
    "/{delivery_id}/redeliver",
    status_code=202,
    summary="Send a message again",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS -X POST "$URL/v1/webhook-deliveries/$DELIVERY/redeliver"')},
)
def redeliver_webhook(context: Shared, caller: CallerOf, delivery_id: DeliveryId) -> DeliveryView:
    """At once and, if that fails, by the same table of pauses; with the same id, so that a receiver knows it."""
    store = WebhookStore(context.redis)
    record = store.get_delivery(delivery_id, caller.id)
    record = record.model_copy(update={"status": "pending", "next_at": utc_now(), "tries": 0})
    store.keep_delivery(record)
    return delivery_view(record)


def delivery_view(record: DeliveryRecord) -> DeliveryView:
    return DeliveryView(
        id=record.id,
        of=record.of,
        event=record.event,
        about=record.about,
        url=record.url,
        status=record.status,
        created_at=record.created_at,
        next_at=record.next_at,
        attempts=record.attempts,
        payload=json.loads(record.body),
    )
