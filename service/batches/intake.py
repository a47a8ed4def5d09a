"""From a request to a batch: everything is looked at once, every stored file held, and the record made in one step.

Blocking. If anything fails on the way, what was held so far is released.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from redis.client import Pipeline

from service.assets.intake import lend_asset
from service.batches.own_batch import BATCH_NAMES
from service.batches.schemas import BatchRecord, BatchRequest, HeldAsset, Plan
from service.batches.store import BatchStore
from service.files.references import BlobReferences
from service.http.json_body import invalid_body
from service.jobs.context import JobContext
from service.jobs.door import check_at_the_door
from service.jobs.idempotency import Answer, IdempotencyKey
from service.jobs.intake import METADATA_MAX_BYTES, check_presets, read_options
from service.keys.schemas import Caller
from service.records import utc_now
from service.webhooks.intake import check_hook
from workers.contract.errors import InvalidOptions, InvalidRequest, QueueFull
from workers.contract.options import JobOptions


def read_request(body: bytes, items_max: int) -> BatchRequest:
    """The request of a JSON body. Raises InvalidRequest naming each wrong field."""
    try:
        request = BatchRequest.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from None
    if request.total > items_max:
        raise InvalidRequest(
            f"the batch has {request.total:,} items, at most {items_max:,} are taken; send several batches"
        )
    return request


def check_room(context: JobContext, caller: Caller) -> None:
    """Raise QueueFull where the caller has too many batches that have not ended."""
    most = context.settings.batches_open_max
    if BatchStore(context.redis).open_of(caller.id) >= most:
        raise QueueFull(f"{most} of your batches have not ended, more are not taken; wait for one to end")


def submit_batch_once(
    context: JobContext, request: BatchRequest, owner: str, key: IdempotencyKey | None, name: str | None = None
) -> BatchRecord | Answer:
    """A batch, or what was answered to an earlier request with the same key. `name` is what its caller calls it.

    Raises IdempotencyConflict, IdempotencyMismatch, InvalidOptions, InvalidRequest, NotFound (an asset).
    """
    if key is None:
        return _submit(context, request, owner, lambda pipeline, record: None)
    text = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    known = key.claim(fingerprint)
    if known is not None:
        return known

    def also(pipeline: Pipeline, record: BatchRecord) -> None:
        key.bind(pipeline, fingerprint, record.id)
        if name is not None:
            BATCH_NAMES.keep(pipeline, owner, name, record.id, context.settings.record_ttl_s)

    try:
        return _submit(context, request, owner, also)
    except BaseException:
        key.give_up()
        raise


def _submit(context: JobContext, request: BatchRequest, owner: str, also: Any) -> BatchRecord:
    options = _checked(context, request.options, owner, "/options")
    _check_metadata(request.metadata, "/metadata")
    seen = set()
    for number, pair in enumerate(request.pairs):
        _check_metadata({**request.metadata, **pair.metadata}, f"/pairs/{number}/metadata")
        text = json.dumps(pair.options, sort_keys=True)
        if pair.options and text not in seen:
            _checked(context, {**request.options, **pair.options}, owner, f"/pairs/{number}/options")
            seen.add(text)
    hook = check_hook(context.settings, request.webhook)
    settings, now = context.settings, utc_now()
    record = BatchRecord(
        owner=owner,
        total=request.total,
        created_at=now,
        deadline_at=None if request.deadline_s is None else now + timedelta(seconds=request.deadline_s),
        priority=request.priority,
        record_ttl_s=settings.record_ttl_s,
        input_ttl_s=settings.input_ttl_s,
        plan=Plan(motions=request.motions, characters=request.characters, pairs=request.pairs),
        options=request.options if request.pairs else options.model_dump(mode="json"),
        metadata=request.metadata,
        webhook=hook,
    )
    references = BlobReferences(context.redis, context.blobs)
    held: list[str] = []
    try:
        for name, pointer in _assets(request).items():
            asset = lend_asset(context, name, record.id, pointer, owner)
            record.assets[name] = HeldAsset(files=asset.files, definition=asset.definition)
            held.extend(entry.blob for entry in asset.files)
        with context.redis.pipeline(transaction=True) as pipeline:
            also(pipeline, record)
            BatchStore(context.redis).create(pipeline, record)
            pipeline.execute()
    except BaseException:
        for blob in held:
            references.release(blob, record.id)
        raise
    return record


def _assets(request: BatchRequest) -> dict[str, str]:
    """Each asset that is needed, and where it is named first."""
    found: dict[str, str] = {}
    for part in ("motions", "characters"):
        for number, name in enumerate(getattr(request, part)):
            found.setdefault(name, f"/{part}/{number}")
    for number, pair in enumerate(request.pairs):
        for part in ("motion", "character", "source_character"):
            name = getattr(pair, part)
            if name is not None:
                found.setdefault(name, f"/pairs/{number}/{part}")
    return found


def _checked(context: JobContext, given: dict[str, Any], owner: str, pointer: str) -> JobOptions:
    """Options as for a job, errors pointing below `pointer`. Raises InvalidOptions, ModelUnavailable."""
    try:
        options = read_options(json.dumps(given).encode())
        check_presets(context, options, owner)
        check_at_the_door(options)
    except InvalidOptions as error:
        items = [
            {**item, "pointer": pointer + item["pointer"].removeprefix("/options")}
            for item in error.extra.get("errors", [])
        ]
        raise InvalidOptions(error.detail, errors=items) from None
    return options


def _check_metadata(metadata: dict[str, Any], pointer: str) -> None:
    try:
        size = len(json.dumps(metadata, allow_nan=False, ensure_ascii=False).encode())
    except ValueError:  # NaN, half characters
        size = METADATA_MAX_BYTES + 1
    if size > METADATA_MAX_BYTES:
        message = f"must be JSON of at most {METADATA_MAX_BYTES:,} bytes"
        raise InvalidRequest(f"metadata {message}", errors=[{"pointer": pointer, "message": message}])
