"""AssetStore: the records of stored motions and characters in Redis. Blocking. Blobs are left to `intake`.

:asset:<id>         the record as JSON
:assets:<kind>      sorted set, all scores 0: `<microseconds>:<id>`, so that it sorts by age and is its own cursor;
                    with the owner's id before the kind where it has one
:asset-deadlines    sorted set of ids by expiry
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redis import Redis
from redis.lock import Lock

from service.assets.schemas import AssetKind, AssetRecord
from service.records import PREFIX, newest_page
from workers.contract.errors import NotFound

DEADLINES = f"{PREFIX}:asset-deadlines"
CURSOR_PATTERN = r"^[0-9]{17}:(mot|chr)_[0-9A-HJKMNP-TV-Z]{26}$"
LOCK_TIMEOUT_S = 120.0  # storing a file on an object store is a copy


class AssetStore:
    """Asset records of one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def lock(self, asset_id: str) -> Lock:
        """Held while an asset is made or removed: its record and its blobs must agree."""
        name = f"{PREFIX}:lock:asset:{asset_id}"
        return Lock(self._redis, name, timeout=LOCK_TIMEOUT_S, sleep=0.02, blocking_timeout=LOCK_TIMEOUT_S)

    def put(self, record: AssetRecord) -> None:
        """Write a record, over the one of the same id and `created_at`."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(_key(record.id), record.model_dump_json())
            pipe.zadd(_index(record.kind, record.owner), {_cursor(record): 0})
            pipe.zadd(DEADLINES, {record.id: record.expires_at.timestamp()})
            pipe.execute()

    def find(self, asset_id: str) -> AssetRecord | None:
        raw: Any = self._redis.get(_key(asset_id))
        return None if raw is None else AssetRecord.model_validate_json(raw)

    def get(self, asset_id: str, kind: AssetKind | None = None, owner: str | None = None) -> AssetRecord:
        """The record. Raises NotFound, also where it is of another kind or owner than the one given."""
        record = self.find(asset_id)
        if record is None or kind not in (None, record.kind) or owner not in (None, record.owner):
            raise NotFound(
                f"there is no {kind or 'asset'} {asset_id}; it was deleted or has expired: upload the file again"
            )
        return record

    def delete(self, record: AssetRecord) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_key(record.id))
            pipe.zrem(_index(record.kind, record.owner), _cursor(record))
            pipe.zrem(DEADLINES, record.id)
            pipe.execute()

    def page(
        self, kind: AssetKind, limit: int, cursor: str | None, owner: str = ""
    ) -> tuple[list[AssetRecord], str | None]:
        """Up to `limit` records of one owner, newest first, older than `cursor`; and the cursor of the next page."""
        members, following = newest_page(self._redis, _index(kind, owner), limit, cursor)
        records = [self.find(member.partition(":")[2]) for member in members]
        return [record for record in records if record], following

    def due(self, now: datetime, limit: int = 1000) -> list[AssetRecord]:
        """Assets that have expired."""
        ids: Any = self._redis.zrangebyscore(DEADLINES, "-inf", now.timestamp(), start=0, num=limit)
        records = {name.decode(): self.find(name.decode()) for name in ids}
        for name, record in records.items():
            if record is None:
                self._redis.zrem(DEADLINES, name)
        return [record for record in records.values() if record]


def _key(asset_id: str) -> str:
    return f"{PREFIX}:asset:{asset_id}"


def _index(kind: AssetKind, owner: str) -> str:
    return f"{PREFIX}:assets:{f'{owner}:' if owner else ''}{kind}"


def _cursor(record: AssetRecord) -> str:
    return f"{int(record.created_at.timestamp() * 1e6):017d}:{record.id}"
