"""MappingStore: presets in Redis, found by id or by the fingerprint of a skeleton. Blocking.

    :mapping:<id>                  the record as JSON
    :mappings                      sorted set of ids, all scores 0: ids sort by age
    :mappings-of:<fingerprint>     the same of one skeleton

Where they have an owner, `of:<owner>:` stands before. Presets are kept until they are deleted. `find_for` is what
workers ask (`workers.preparation.mapping_choice.PresetLookup`).
"""

from __future__ import annotations

from typing import Any

from redis import Redis

from service.mappings.schemas import PresetRecord
from service.records import PREFIX, newest_page
from workers.contract.errors import InvalidOptions, NotFound

KIND_OF_SIDE = {"source": "motion", "target": "character"}


class MappingStore:
    """Presets of one owner in one Redis."""

    def __init__(self, redis: Redis, owner: str = "") -> None:
        """Of one owner: the others' presets are not there."""
        self._redis = redis
        self._prefix = f"{PREFIX}:of:{owner}" if owner else PREFIX

    def put(self, record: PresetRecord) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key(record.id), record.model_dump_json())
            pipe.zadd(self._index(None), {record.id: 0})
            pipe.zadd(self._index(record.fingerprint), {record.id: 0})
            pipe.execute()

    def ids(self) -> list[str]:
        """Ids of all presets, oldest first. Presets never change, so they say which mappings a job may get."""
        found: Any = self._redis.zrange(self._index(None), 0, -1)
        return [name.decode() for name in found]

    def find(self, preset_id: str) -> PresetRecord | None:
        raw: Any = self._redis.get(self._key(preset_id))
        return None if raw is None else PresetRecord.model_validate_json(raw)

    def get(self, preset_id: str) -> PresetRecord:
        """The preset. Raises NotFound."""
        record = self.find(preset_id)
        if record is None:
            raise NotFound(f"there is no mapping preset {preset_id[:64]!r}; GET /v1/mappings lists them")
        return record

    def delete(self, record: PresetRecord) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(self._key(record.id))
            pipe.zrem(self._index(None), record.id)
            pipe.zrem(self._index(record.fingerprint), record.id)
            pipe.execute()

    def page(
        self, limit: int, cursor: str | None = None, fingerprint: str | None = None
    ) -> tuple[list[PresetRecord], str | None]:
        """Up to `limit` presets, newest first, older than the id `cursor`; and the cursor of the next page."""
        ids, following = newest_page(self._redis, self._index(fingerprint), limit, cursor)
        return [record for name in ids if (record := self.find(name)) is not None], following

    def find_for(self, side: str, fingerprint: str, preset_id: str | None) -> PresetRecord | None:
        """The preset of this id, else the newest for a skeleton on this side (source or target).

        Raises InvalidOptions for an id that does not exist or belongs to another skeleton.
        """
        if preset_id is not None:
            record = self.find(preset_id)
            if record is None:
                raise _refuse(side, f"there is no mapping preset {preset_id[:64]!r}; GET /v1/mappings lists them")
            if record.fingerprint != fingerprint:
                what = f"preset {record.name!r} is for the skeleton {record.fingerprint}, the file has {fingerprint}"
                raise _refuse(side, f"{what}; leave it out, or make one from this file")
            return record
        cursor = None
        while True:
            records, cursor = self.page(100, cursor, fingerprint)
            for record in records:
                if record.kind in ("any", KIND_OF_SIDE[side]):
                    return record
            if cursor is None:
                return None

    def _key(self, preset_id: str) -> str:
        return f"{self._prefix}:mapping:{preset_id}"

    def _index(self, fingerprint: str | None) -> str:
        return f"{self._prefix}:mappings" + ("" if fingerprint is None else f"-of:{fingerprint}")


def _refuse(side: str, message: str) -> InvalidOptions:
    return InvalidOptions(f"mapping: {message}", errors=[{"pointer": f"/mapping/{side}_preset", "message": message}])
