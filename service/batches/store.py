"""BatchStore: batches in Redis. Blocking. Each change is one atomic step, as with jobs.

:batch:<id>             hash, the record
:batch-counts:<id>      hash: state -> number of items (`service.jobs.told` changes it as jobs do)
:batch-jobs:<id>        list: the job of each item that was made one, in order; `~` before an id: to be done again
:batch-again:<id>       list of the numbers of items to be done again
:batches-open           sorted set of the batches that have not ended, by the time they were made
:batches:<owner>        sorted set of an owner's batches, all scores 0: ids sort by age
:batch-deadlines        sorted set of ids by the next time retention has to look at them
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from redis import Redis
from redis.client import Pipeline

from service.batches.schemas import COUNTED, BatchRecord
from service.jobs.told import COUNT_IN_BATCH, TELL
from service.records import PREFIX, newest_page
from workers.contract.errors import NotFound

OPEN = f"{PREFIX}:batches-open"
DEADLINES = f"{PREFIX}:batch-deadlines"
_DOCUMENTS = frozenset({"plan", "assets", "options", "metadata", "webhook"})
_TIMES = frozenset({"created_at", "finished_at", "deadline_at"})
PAGE = 500  # items that are read at once

_PRELUDE = (
    """
local prefix, id = ARGV[1], ARGV[2]
local key, counts, again = prefix .. ':batch:' .. id, prefix .. ':batch-counts:' .. id, prefix .. ':batch-again:' .. id
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local function stamp(seconds) return string.format('%.6f', seconds) end
"""
    + TELL
    + COUNT_IN_BATCH
)
# ARGV 3: canceled or expired. Items that are no jobs yet become none any more.
_DROP_PENDING = """
if redis.call('HGET', key, 'status') ~= 'running' then return 0 end
if ARGV[3] == 'canceled' then redis.call('HSET', key, 'status', 'canceling') end
redis.call('HSET', key, 'unmade', ARGV[3])
redis.call('DEL', again)
local pending = tonumber(redis.call('HGET', counts, 'pending') or 0)
if pending > 0 then
  redis.call('HINCRBY', counts, 'pending', -pending)
  redis.call('HINCRBY', counts, ARGV[3], pending)
end
settle_batch(id)
return pending
"""
# ARGV 3...: states. Items whose jobs ended so are to be done again.
_AGAIN = """
local wanted, taken = {}, 0
for i = 3, #ARGV do wanted[ARGV[i]] = true end
for i, job in ipairs(redis.call('LRANGE', prefix .. ':batch-jobs:' .. id, 0, -1)) do
  local status = redis.call('HGET', prefix .. ':job:' .. job, 'status')
  if status and wanted[status] then
    redis.call('RPUSH', again, i - 1)
    redis.call('LSET', prefix .. ':batch-jobs:' .. id, i - 1, '~' .. job)
    redis.call('HINCRBY', counts, status, -1)
    redis.call('HINCRBY', counts, 'pending', 1)
    taken = taken + 1
  end
end
if taken > 0 then
  redis.call('HSET', key, 'status', 'running', 'finished_at', '', 'unmade', 'pending', 'deadline_at', '')
  redis.call('ZADD', prefix .. ':batches-open', stamp(now), id)
  redis.call('PUBLISH', prefix .. ':changed', id)
end
return taken
"""


class BatchStore:
    """Batches of one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._drop = redis.register_script(_PRELUDE + _DROP_PENDING)
        self._again = redis.register_script(_PRELUDE + _AGAIN)

    def create(self, pipeline: Pipeline, record: BatchRecord) -> None:
        """As part of the caller's transaction."""
        pipeline.hset(record_key(record.id), mapping=_to_hash(record))
        pipeline.hset(counts_key(record.id), mapping={"pending": record.total})
        pipeline.zadd(_index(record.owner), {record.id: 0})
        pipeline.zadd(OPEN, {record.id: record.created_at.timestamp()})
        pipeline.zadd(DEADLINES, {record.id: record.created_at.timestamp() + record.input_ttl_s})

    def find(self, batch_id: str) -> BatchRecord | None:
        raw: Any = self.redis.hgetall(record_key(batch_id))
        return _from_hash(raw) if raw else None

    def get(self, batch_id: str, owner: str | None = None) -> BatchRecord:
        """The record. Raises NotFound, also where it is of another owner than the one given."""
        record = self.find(batch_id)
        if record is None or owner not in (None, record.owner):
            raise NotFound(
                f"there is no batch {batch_id}; it was deleted, or its record is older than the retention time"
            )
        return record

    def counts(self, batch_id: str) -> dict[str, int]:
        """Number of items in each state."""
        raw: Any = self.redis.hgetall(counts_key(batch_id))
        found = {name.decode(): int(number) for name, number in raw.items()}
        return {name: found.get(name, 0) for name in COUNTED}

    def open_ids(self) -> list[str]:
        """Batches that have not ended, the oldest first."""
        found: Any = self.redis.zrange(OPEN, 0, -1)
        return [name.decode() for name in found]

    def drop_pending(self, batch_id: str, status: str) -> int:
        """Items that are no jobs yet end `canceled`, and so the batch is canceling; or they end `expired`. How many."""
        return int(self._drop(keys=[], args=[PREFIX, batch_id, status]))

    def take_again(self, batch_id: str, statuses: list[str]) -> int:
        """Items whose jobs ended so are pending again, and the batch runs; how many."""
        return int(self._again(keys=[], args=[PREFIX, batch_id, *statuses]))

    def job_ids(self, batch_id: str, start: int, stop: int) -> list[str]:
        """The jobs of items `start` up to, not including, `stop`, as far as these are jobs; `~`: to be done again."""
        found: Any = self.redis.lrange(jobs_key(batch_id), start, stop - 1) if stop > start else []
        return [name.decode() for name in found]

    def all_job_ids(self, batch_id: str) -> Iterator[str]:
        """The jobs of all items, the one before for those that are to be done again."""
        start = 0
        while found := self.job_ids(batch_id, start, start + PAGE):
            yield from (name.lstrip("~") for name in found)
            start += len(found)

    def page(self, limit: int, cursor: str | None, owner: str) -> tuple[list[BatchRecord], str | None]:
        """Up to `limit` batches of an owner, newest first, older than the id `cursor`; and the next page's cursor."""
        ids, following = newest_page(self.redis, _index(owner), limit, cursor)
        return [record for name in ids if (record := self.find(name)) is not None], following

    def delete(self, record: BatchRecord) -> None:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(record_key(record.id), counts_key(record.id), jobs_key(record.id), again_key(record.id))
            pipe.zrem(_index(record.owner), record.id)
            pipe.zrem(OPEN, record.id)
            pipe.zrem(DEADLINES, record.id)
            pipe.publish(f"{PREFIX}:changed", record.id)
            pipe.execute()

    def open_of(self, owner: str) -> int:
        """Number of an owner's batches that have not ended."""
        pipe = self.redis.pipeline(transaction=False)
        for name in self.open_ids():
            pipe.hget(record_key(name), "owner")
        return sum(found is not None and found.decode() == owner for found in pipe.execute())

    def due(self, now: datetime, limit: int = 1000) -> list[str]:
        """Batches that retention has to look at."""
        found: Any = self.redis.zrangebyscore(DEADLINES, "-inf", now.timestamp(), start=0, num=limit)
        return [name.decode() for name in found]

    def look_again(self, batch_id: str, when: datetime) -> None:
        """Have retention look at the batch again."""
        self.redis.zadd(DEADLINES, {batch_id: when.timestamp()}, xx=True)

    def inputs_released(self, batch_id: str) -> None:
        self.redis.hset(record_key(batch_id), "holds_inputs", "0")


def record_key(batch_id: str) -> str:
    return f"{PREFIX}:batch:{batch_id}"


def counts_key(batch_id: str) -> str:
    return f"{PREFIX}:batch-counts:{batch_id}"


def jobs_key(batch_id: str) -> str:
    return f"{PREFIX}:batch-jobs:{batch_id}"


def again_key(batch_id: str) -> str:
    return f"{PREFIX}:batch-again:{batch_id}"


def _index(owner: str) -> str:
    return f"{PREFIX}:batches:{owner}"


def _to_hash(record: BatchRecord) -> dict[str, str]:
    documents = record.model_dump(mode="json", include=set(_DOCUMENTS), exclude_defaults=True)
    values: dict[str, str] = {}
    for name in BatchRecord.model_fields:
        value = getattr(record, name)
        if name in _DOCUMENTS:
            values[name] = json.dumps(documents[name], separators=(",", ":")) if name in documents else ""
        elif value is None:
            values[name] = ""
        elif isinstance(value, datetime):
            values[name] = f"{value.timestamp():.6f}"
        else:
            values[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return values


def _from_hash(raw: dict[bytes, bytes]) -> BatchRecord:
    values: dict[str, Any] = {}
    for name, value in ((name.decode(), value.decode()) for name, value in raw.items()):
        if value == "" and name != "owner":
            continue
        values[name] = json.loads(value) if name in _DOCUMENTS else float(value) if name in _TIMES else value
    return BatchRecord.model_validate(values)
