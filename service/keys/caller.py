"""From a request to its caller: the dependency of every endpoint below /v1.

A key travels in `Authorization: Bearer`, never in a query string, where logs would keep it. A key that was found is
remembered for some seconds, so a revoked one may be honoured that much longer. What a caller may not see is told as
`not-found`: that it exists is nobody else's business.
"""

from __future__ import annotations

import math
import re
import time
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from service.http.context import Context, Shared
from service.keys.limits import take
from service.keys.schemas import EVERYONE, Caller, KeyRecord, Scope
from service.keys.signed_urls import SignedUrls
from service.keys.store import KeyStore
from workers.contract.errors import Forbidden, RateLimited, Unauthorized

REMEMBERED_S = 5.0
REMEMBERED_MAX = 1000
NOTE_USE_S = 60.0
READING = frozenset({"GET", "HEAD"})
_RESULT = re.compile(r"/v1/jobs/[^/]+/(report|report\.html|artifacts/[^/]+)")


class Callers:
    """The keys of one gateway, with those that were seen last."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._seen: dict[str, tuple[float, KeyRecord]] = {}
        self._noted_s: dict[str, float] = {}

    def find(self, token: str) -> KeyRecord | None:
        now_s = time.monotonic()
        seen = self._seen.get(token)
        if seen is not None and now_s - seen[0] < REMEMBERED_S:
            return seen[1]
        self._seen.pop(token, None)
        record = self._store.find(token)
        if record is not None:
            if len(self._seen) >= REMEMBERED_MAX:
                self._seen.clear()
            self._seen[token] = (now_s, record)
            if now_s - self._noted_s.get(record.id, -NOTE_USE_S) >= NOTE_USE_S:
                self._noted_s[record.id] = now_s
                self._store.note_use(record.id)
        return record


async def caller_of(request: Request, context: Shared) -> Caller:
    """Raises Unauthorized, Forbidden, RateLimited; Expired for a signed address that has ended."""
    if not context.settings.keys_are_asked_for:
        return EVERYONE
    caller = await run_in_threadpool(_identify, request, context)
    request.state.caller = caller.id
    return caller


def _identify(request: Request, context: Context) -> Caller:
    path = request.url.path
    if "sig" in request.query_params and request.method in READING and _RESULT.fullmatch(path):
        owner = SignedUrls(context.redis).owner_of(path, request.query_params)
        return Caller(owner, frozenset({"jobs:read"}))
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    callers: Callers = request.app.state.callers
    record = callers.find(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
    if record is None:
        what = "this key is unknown, was revoked or has expired" if token else "a key is needed"
        raise Unauthorized(f"{what}; send it as 'Authorization: Bearer mr_live_...'; `retarget keys create` makes one")
    is_reading = request.method in READING
    needed: Scope = "jobs:read" if is_reading else "jobs:write"
    if needed not in record.scopes:
        raise Forbidden(f"the key {record.shown}... may not do this: it lacks the scope {needed}")
    settings = context.settings
    size = settings.reads_per_minute if is_reading else record.per_minute or settings.writes_per_minute
    allowance = take(context.redis, record.id, "read" if is_reading else "write", size)
    request.state.more_headers = allowance.headers()
    if not allowance.allowed:
        raise RateLimited(
            f"more than {size:,} requests of the group {allowance.group!r} in a minute; wait a little",
            retry_after=max(math.ceil(allowance.wait_s), 1),
        )
    return Caller(record.id, frozenset(record.scopes), record.waiting_max)


CallerOf = Annotated[Caller, Depends(caller_of)]
