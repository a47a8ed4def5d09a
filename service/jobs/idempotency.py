"""Idempotency-Key: a request that is sent again with the key of an earlier one makes no second job.

A key belongs to its caller and is kept for 24 h, with a fingerprint of what was asked (hashes of files, not bytes) and
the answer that was given:

    the same request again                  the same status and body, and `Idempotency-Replayed: true`
    the same key, another request           422 `idempotency-mismatch`
    the same key while the first runs       409 `idempotency-conflict`

The job and its key are written in one transaction (`claim` to `bind`), so a crash leaves both or neither; a claim that
its gateway did not live to end lapses after `CLAIM_S`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.client import Pipeline

from service.files.form import Form
from service.records import PREFIX
from workers.contract.errors import IdempotencyConflict, IdempotencyMismatch, InvalidRequest

KEPT_S = 24 * 3600
CLAIM_S = 120
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Answer:
    """What was answered to the first request; `body` is None where its gateway died before it had written it down."""

    job_id: str
    body: str | None


def fingerprint_of(form: Form) -> str:
    """A digest of what a form asks for: names and hashes of its files, and its texts; JSON parts by their value."""
    files = {part: [[entry.name, entry.writer.sha256] for entry in entries] for part, entries in form.files.items()}
    texts = {part: _canonical(text) for part, text in form.texts.items()}
    return hashlib.sha256(json.dumps([files, texts], sort_keys=True).encode()).hexdigest()


class IdempotencyKey:
    """One caller's key. All methods block."""

    def __init__(self, redis: Redis, owner: str, key: str) -> None:
        """Raises InvalidRequest for what can be no key."""
        key = key.strip()
        if _KEY.fullmatch(key) is None:
            message = "must be 1 to 255 visible ASCII characters, such as a UUID"
            raise InvalidRequest(
                f"header Idempotency-Key {message}",
                errors=[{"pointer": "/header/idempotency-key", "message": message}],
            )
        self._redis = redis
        digest = hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()
        self._name = f"{PREFIX}:idempotency:{digest}"

    def claim(self, fingerprint: str) -> Answer | None:
        """Take the key for a new request; the earlier answer where the same one came before.

        Raises IdempotencyConflict, IdempotencyMismatch.
        """
        if self._redis.set(self._name, json.dumps({"fingerprint": fingerprint}), nx=True, ex=CLAIM_S):
            return None
        raw: Any = self._redis.get(self._name)
        known: dict[str, Any] = json.loads(raw) if raw is not None else {}
        if known and known["fingerprint"] != fingerprint:
            raise IdempotencyMismatch(
                "this Idempotency-Key was used with another request within the last 24 hours; "
                "use a new key for a new request"
            )
        if "job_id" not in known:
            raise IdempotencyConflict(
                "a request with this Idempotency-Key is being answered right now; send it again in a moment",
                retry_after=1,
            )
        return Answer(known["job_id"], known.get("body"))

    def bind(self, pipeline: Pipeline, fingerprint: str, job_id: str) -> None:
        """The key now stands for this job; part of the transaction that makes the job."""
        pipeline.set(self._name, json.dumps({"fingerprint": fingerprint, "job_id": job_id}), ex=KEPT_S)

    def keep(self, fingerprint: str, job_id: str, body: str) -> None:
        """Remember the answer's body."""
        known = {"fingerprint": fingerprint, "job_id": job_id, "body": body}
        self._redis.set(self._name, json.dumps(known), ex=KEPT_S)

    def give_up(self) -> None:
        """The request failed, so the key is free again."""
        self._redis.delete(self._name)


def _canonical(text: bytes) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text.decode("utf-8", "backslashreplace")
