"""From a request to an endpoint, and what a job or batch may name as its own hook. Blocking."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.http.context import Context
from service.http.json_body import invalid_body
from service.records import new_id, utc_now
from service.settings import Settings
from service.webhooks.addresses import Refused, check_url, networks_of
from service.webhooks.schemas import (
    ENDED,
    EndpointChange,
    EndpointRecord,
    EndpointRequest,
    HookRequest,
    KeptSecret,
)
from service.webhooks.signing import new_secret
from service.webhooks.store import WebhookStore
from workers.contract.errors import InvalidRequest, QueueFull

ENDPOINTS_MAX = 20  # of one owner: each event is sent to every one
Model = TypeVar("Model", bound=BaseModel)


def make_endpoint(context: Context, request: EndpointRequest, owner: str) -> tuple[EndpointRecord, str]:
    """A new endpoint and its secret. Raises InvalidRequest, QueueFull."""
    _check(context.settings, request.url, "/url")
    store, secret = WebhookStore(context.redis), new_secret()
    if store.count(owner) >= ENDPOINTS_MAX:
        raise QueueFull(f"you have {ENDPOINTS_MAX} endpoints, more are not kept; delete one")
    record = EndpointRecord(
        id=new_id("whe_"),
        owner=owner,
        url=request.url,
        events=[*dict.fromkeys(request.events)] or [*ENDED],
        description=request.description,
        secrets=[KeptSecret(secret=secret)],
        created_at=utc_now(),
    )
    store.put(record)
    return record, secret


def changed(context: Context, record: EndpointRecord, change: EndpointChange) -> EndpointRecord:
    """The endpoint with what is to be changed. Raises InvalidRequest."""
    given = change.model_dump(exclude_none=True)
    if change.url is not None:
        _check(context.settings, change.url, "/url")
    if (enabled := given.pop("enabled", None)) is not None:
        given["disabled_at"] = None if enabled else utc_now()
        given["disabled_reason"] = None if enabled else "switched off by its owner"
    return record.model_copy(update=given)


def check_hook(settings: Settings, hook: HookRequest | None) -> dict[str, Any] | None:
    """What a record keeps of a job's or batch's own hook. Raises InvalidRequest."""
    if hook is None:
        return None
    _check(settings, hook.url, "/webhook/url")
    events: list[str] = list(dict.fromkeys(hook.events))
    return hook.model_dump(mode="json") | {"events": events or list(ENDED)}


def read_hook(settings: Settings, text: bytes | None) -> dict[str, Any] | None:
    """The same of a part of a form. Raises InvalidRequest."""
    if text is None:
        return None
    return check_hook(settings, parse(HookRequest, text, "/webhook"))


def parse(model: type[Model], body: bytes, pointer: str = "") -> Model:
    """A JSON body or part; an empty one is an empty object. Raises InvalidRequest naming each wrong field."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise invalid_body(error, pointer) from None


def _check(settings: Settings, url: str, pointer: str) -> None:
    try:
        check_url(url, networks_of(settings))
    except Refused as error:
        raise InvalidRequest(
            f"the webhook's address {json.dumps(url[:200])}: {error}; give a public https address, "
            "or have its network allowed by RETARGET_WEBHOOK_NETWORKS",
            errors=[{"pointer": pointer, "message": str(error)}],
        ) from None
