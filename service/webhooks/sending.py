"""Deliveries sent, tried again, and given up.

Tries follow the table of Standard Webhooks, each pause up to a fifth longer so that not all come at once, and not
before a receiver's `Retry-After`. Only 2xx is success; a redirect is a failure. `410` says that nobody wants it any
more: the endpoint is switched off. So it is when a message could not be delivered in all its tries and nothing else
was since. A receiver that is slow is sent to twice at once at most, so that it keeps nobody else waiting.
"""

from __future__ import annotations

import http.client
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from service.rounds import Rounds
from service.settings import Settings
from service.webhooks.addresses import Refused, Resolver, find, look_up, networks_of
from service.webhooks.posting import post
from service.webhooks.schemas import Attempt, DeliveryRecord, EndpointRecord
from service.webhooks.signing import signed_headers, valid_secrets
from service.webhooks.store import WebhookStore
from workers.contract.errors import NotFound

LOG = logging.getLogger("retarget.webhooks")
# Seconds before each try (Standard Webhooks 1.0, "Retry schedule"): three days in all.
PAUSES_S = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
JITTER = 0.2
RETRY_AFTER_MAX_S = 24 * 3600.0
AT_ONCE = 8
AT_ONCE_EACH = 2
GONE = 410


def _now() -> datetime:
    return datetime.now(UTC)


class Sender:
    """Sends what is due. `clock`, `resolve` and `jitter` stand for the world's."""

    def __init__(
        self,
        settings: Settings,
        store: WebhookStore,
        *,
        clock: Callable[[], datetime] = _now,
        resolve: Resolver = look_up,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._networks = networks_of(settings)
        self._store = store
        self._clock = clock
        self._resolve = resolve
        self._jitter = jitter
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send_due(self) -> int:
        """Send everything that is due, one after the other; how many tries."""
        tries = 0
        while (name := self._store.claim(self._clock())) is not None:
            tries += self.try_one(name)
        return tries

    def try_one(self, delivery_id: str) -> bool:
        """One try at a delivery that was claimed; False where none was made."""
        record = self._store.find_delivery(delivery_id)
        if record is None or record.status != "pending":
            self._store.drop_due(delivery_id)
            return False
        endpoint = None
        if record.of.startswith("whe_"):
            endpoint = self._store.find(record.of)
            if endpoint is None or endpoint.disabled_at is not None:
                self._store.keep_delivery(record.model_copy(update={"status": "failed", "next_at": None}))
                return False
        url = record.url if endpoint is None else endpoint.url
        place = urlsplit(url).netloc
        if not self._enter(place):
            self._store.put_off(delivery_id, self._clock() + timedelta(seconds=1))
            return False
        try:
            secrets = [record.secret] if endpoint is None else valid_secrets(endpoint.secrets, self._clock())
            attempt, retry_after_s = self._attempt(record, url, secrets)
        finally:
            with self._lock:
                self._busy[place] -= 1
        self._settle(record, endpoint, attempt, retry_after_s)
        return True

    def _enter(self, place: str) -> bool:
        with self._lock:
            if self._busy[place] >= AT_ONCE_EACH:
                return False
            self._busy[place] += 1
            return True

    def _attempt(self, record: DeliveryRecord, url: str, secrets: list[str]) -> tuple[Attempt, float]:
        """A try, and how long the receiver wants to be left alone."""
        at, start_s = self._clock(), time.monotonic()
        status, error, retry_after_s = None, None, 0.0
        headers = {
            **signed_headers(record.id, at, record.body, secrets),
            "Content-Type": "application/json",
            "User-Agent": "motion-retargeting-service",
        }
        try:
            target = find(url, self._networks, self._resolve)
            answer = post(target, record.body.encode(), headers, self._settings.webhook_timeout_s)
        except Refused as refused:
            error = f"not sent: {refused}"
        except (OSError, http.client.HTTPException, UnicodeError) as failure:
            error = f"no answer: {type(failure).__name__}: {failure}"[:300]
        else:
            status = answer.status_code
            if not 200 <= status < 300:
                error = f"it answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")
            if answer.retry_after is not None and answer.retry_after.strip().isdecimal():
                retry_after_s = min(float(answer.retry_after), RETRY_AFTER_MAX_S)
        took_s = round(time.monotonic() - start_s, 3)
        return Attempt(at=at, status_code=status, error=error, took_s=took_s), retry_after_s

    def _settle(
        self, record: DeliveryRecord, endpoint: EndpointRecord | None, attempt: Attempt, retry_after_s: float
    ) -> None:
        record = record.model_copy(update={"attempts": [*record.attempts, attempt], "tries": record.tries + 1})
        now, reason = self._clock(), None
        if attempt.error is None:
            record = record.model_copy(update={"status": "delivered", "next_at": None})
        elif attempt.status_code == GONE or record.tries >= len(PAUSES_S):
            record = record.model_copy(update={"status": "failed", "next_at": None})
            reason = "it answered 410" if attempt.status_code == GONE else "a message could not be delivered for days"
        else:
            pause_s = max(PAUSES_S[record.tries] * (1 + JITTER * self._jitter()), retry_after_s)
            record = record.model_copy(update={"next_at": now + timedelta(seconds=pause_s)})
        self._store.keep_delivery(record)
        if endpoint is None:
            return
        try:
            endpoint = self._store.get(endpoint.id)  # it may have been changed while the receiver took its time
        except NotFound:
            return
        if attempt.error is None:
            self._store.update(endpoint.model_copy(update={"last_success_at": now}))
        elif reason is not None and (
            attempt.status_code == GONE or (endpoint.last_success_at or record.created_at) <= record.created_at
        ):
            LOG.warning("webhook endpoint %s is switched off: %s", endpoint.id, reason)
            self._store.update(endpoint.model_copy(update={"disabled_at": now, "disabled_reason": reason}))


def dispatching(sender: Sender, empty: Callable[[], int]) -> Rounds:
    """Empties the outbox and sends what is due every second, in threads of a gateway."""
    return Rounds("webhooks", [empty, *[sender.send_due] * AT_ONCE], LOG, "webhooks wait", patience_s=1)
