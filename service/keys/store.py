"""KeyStore: keys in Redis. A key is 160 random bits, so a plain sha256 of it keeps it secret and finds it at once.

:key:<id>            the record as JSON
:key-hashes          hash: sha256 of the key -> id
:key-used:<id>       when it was last used, seconds since the epoch
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from service.keys.schemas import SHOWN_CHARS, TOKEN_PREFIX, KeyRecord, Scope
from service.records import PREFIX, new_id, utc_now
from workers.contract.errors import NotFound

HASHES = f"{PREFIX}:key-hashes"


class KeyStore:
    """Keys of one Redis. Blocking."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def create(
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        lifetime: timedelta | None = None,
        per_minute: int | None = None,
        waiting_max: int | None = None,
    ) -> tuple[KeyRecord, str]:
        """A new key: its record, and the key itself, which cannot be shown again."""
        token = TOKEN_PREFIX + base64.b32encode(os.urandom(20)).decode().lower()
        now = utc_now()
        record = KeyRecord(
            id=new_id("key_"),
            name=name,
            shown=token[:SHOWN_CHARS],
            scopes=list(scopes),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
            per_minute=per_minute,
            waiting_max=waiting_max,
        )
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key_name(record.id), record.model_dump_json())
            pipe.hset(HASHES, _hash(token), record.id)
            pipe.execute()
        return record, token

    def find(self, token: str) -> KeyRecord | None:
        """The record of a key; None for one that does not exist, was revoked or has expired."""
        name: Any = self._redis.hget(HASHES, _hash(token))
        raw: Any = None if name is None else self._redis.get(key_name(name.decode()))
        if raw is None:
            return None
        record = KeyRecord.model_validate_json(raw)
        return record if record.expires_at is None or record.expires_at > utc_now() else None

    def note_use(self, key_id: str) -> None:
        self._redis.set(f"{PREFIX}:key-used:{key_id}", utc_now().timestamp())

    def all(self) -> list[KeyRecord]:
        """All keys, the newest first, with the time of their last use."""
        ids = sorted({name.decode() for name in self._values()}, reverse=True)
        found = []
        for key_id in ids:
            raw: Any = self._redis.get(key_name(key_id))
            used: Any = self._redis.get(f"{PREFIX}:key-used:{key_id}")
            if raw is not None:
                record = KeyRecord.model_validate_json(raw)
                at = None if used is None else datetime.fromtimestamp(float(used), UTC)
                found.append(record.model_copy(update={"last_used_at": at}))
        return found

    def revoke(self, key_id: str) -> None:
        """From now on the key is unknown. What its caller made stays until it expires. Raises NotFound."""
        hashes: Any = self._redis.hgetall(HASHES)
        mine = [digest for digest, name in hashes.items() if name.decode() == key_id]
        if not mine:
            raise NotFound(f"there is no key {key_id[:64]!r}; `retarget keys list` shows all")
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(HASHES, *mine)
            pipe.delete(key_name(key_id), f"{PREFIX}:key-used:{key_id}")
            pipe.execute()

    def _values(self) -> list[bytes]:
        found: Any = self._redis.hvals(HASHES)
        return list(found)


def key_name(key_id: str) -> str:
    return f"{PREFIX}:key:{key_id}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
