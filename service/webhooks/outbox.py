"""From what happened to deliveries: one for each endpoint that wants to know, and for the hook of the job or batch.

An entry is taken off only after its deliveries are there, whose ids are made from its own: an outbox that two gateways
read, or one that is killed in between, tells nobody twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.records import id_of
from service.webhooks.schemas import DeliveryRecord
from service.webhooks.store import OUTBOX, WebhookStore

AT_ONCE = 100
PAGE = 100


@dataclass(frozen=True)
class Subject:
    """What something happened to: whose it is, its own hook, and what is told of it."""

    owner: str
    hook: dict[str, Any] | None
    data: dict[str, Any]


def empty_outbox(store: WebhookStore, describe: Callable[[str], Subject | None], now: datetime) -> int:
    """Make the deliveries of everything that happened; how many. `describe` finds a job or batch by id."""
    made = 0
    while True:
        entries: Any = store.redis.xrange(OUTBOX, count=AT_ONCE)
        for name, fields in entries:
            event, about = fields[b"event"].decode(), fields[b"id"].decode()
            subject = describe(about)
            if subject is not None:
                made += sum(store.add_delivery(record, now) for record in _deliveries(
                    store, name.decode(), event, about, subject, now))  # fmt: skip
            store.redis.xdel(OUTBOX, name)
        if len(entries) < AT_ONCE:
            return made


def _deliveries(
    store: WebhookStore, entry: str, event: str, about: str, subject: Subject, now: datetime
) -> list[DeliveryRecord]:
    happened = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, now.tzinfo)
    body = body_of(event, happened, subject.data)
    found = []
    hook = subject.hook
    if hook is not None and event in hook["events"]:
        found.append((about, hook["url"], hook["secret"]))
    cursor: str | None = None
    while True:
        endpoints, cursor = store.page(PAGE, cursor, subject.owner)
        found += [(row.id, row.url, "") for row in endpoints if event in row.events and row.disabled_at is None]
        if cursor is None:
            break
    return [
        DeliveryRecord(
            id=message_id(entry, of),
            owner=subject.owner,
            of=of,
            event=event,
            about=about,
            url=url,
            secret=secret,
            body=body,
            created_at=now,
            next_at=now,
        )
        for of, url, secret in found
    ]


def message_id(entry: str, of: str) -> str:
    """The same for the same entry and receiver."""
    digest = hashlib.sha256(f"{entry} {of}".encode()).digest()
    return id_of("msg_", int(entry.partition("-")[0]) << 80 | int.from_bytes(digest[:10], "big"))


def body_of(event: str, at: datetime, data: dict[str, Any]) -> str:
    """The body of a message, as Standard Webhooks has it."""
    told = {"type": event, "timestamp": at.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
