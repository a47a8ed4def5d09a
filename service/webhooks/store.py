"""WebhookStore: endpoints and deliveries in Redis. Blocking.

:webhook-endpoint:<id>         the record as JSON
:webhook-endpoints:<owner>     sorted set of ids, all scores 0: ids sort by age; that it is there is what
                               `service.jobs.told` looks at
:delivery:<id>                 the record as JSON, kept for `DELIVERY_KEPT_S`
:deliveries-due                sorted set of ids by the time of the next try
:deliveries-of:<of>            sorted set of the latest ids of an endpoint, job or batch, by time
:outbox                        stream of what happened (`service.jobs.told`)
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redis import Redis

from service.records import PREFIX, newest_page
from service.webhooks.schemas import DeliveryRecord, EndpointRecord
from workers.contract.errors import NotFound

OUTBOX = f"{PREFIX}:outbox"
DUE = f"{PREFIX}:deliveries-due"
DELIVERY_KEPT_S = 7 * 24 * 3600
LOG_MAX = 1000  # deliveries of one endpoint that are listed
CLAIM_S = 90.0  # longer than any try takes: a sender that died is followed by another after this
# KEYS 1: the due ones; ARGV 1: now, 2: until when it is claimed.
_CLAIM = """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)[1]
if found then redis.call('ZADD', KEYS[1], ARGV[2], found) end
return found
"""


class WebhookStore:
    """Endpoints and deliveries of one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._claim = redis.register_script(_CLAIM)

    def put(self, record: EndpointRecord) -> None:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(_endpoint_key(record.id), record.model_dump_json())
            pipe.zadd(_endpoints_key(record.owner), {record.id: 0})
            pipe.execute()

    def update(self, record: EndpointRecord) -> bool:
        """Over what is there; False where it was deleted meanwhile."""
        return bool(self.redis.set(_endpoint_key(record.id), record.model_dump_json(), xx=True))

    def get(self, endpoint_id: str, owner: str | None = None) -> EndpointRecord:
        """The endpoint. Raises NotFound, also where it is of another owner than the one given."""
        record = self.find(endpoint_id)
        if record is None or owner not in (None, record.owner):
            raise NotFound(f"there is no webhook endpoint {endpoint_id[:64]}; GET /v1/webhook-endpoints lists them")
        return record

    def find(self, endpoint_id: str) -> EndpointRecord | None:
        raw: Any = self.redis.get(_endpoint_key(endpoint_id))
        return None if raw is None else EndpointRecord.model_validate_json(raw)

    def delete(self, record: EndpointRecord) -> None:
        """With its log; what is under way to it is given up."""
        log: Any = self.redis.zrange(_log_key(record.id), 0, -1)
        names = [name.decode() for name in log]
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(_endpoint_key(record.id), _log_key(record.id), *(_delivery_key(name) for name in names))
            pipe.zrem(_endpoints_key(record.owner), record.id)
            if names:
                pipe.zrem(DUE, *names)
            pipe.execute()

    def count(self, owner: str) -> int:
        return int(self.redis.zcard(_endpoints_key(owner)))  # type: ignore[arg-type]

    def page(self, limit: int, cursor: str | None, owner: str) -> tuple[list[EndpointRecord], str | None]:
        """Up to `limit` endpoints of an owner, newest first, older than the id `cursor`; and the next page's cursor."""
        ids, following = newest_page(self.redis, _endpoints_key(owner), limit, cursor)
        return [record for name in ids if (record := self.find(name)) is not None], following

    def add_delivery(self, record: DeliveryRecord, due: datetime) -> bool:
        """False where it is there already: what happened was seen twice."""
        if not self.redis.set(_delivery_key(record.id), record.model_dump_json(), nx=True, ex=DELIVERY_KEPT_S):
            return False
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.zadd(_log_key(record.of), {record.id: record.created_at.timestamp()})
            pipe.zremrangebyrank(_log_key(record.of), 0, -LOG_MAX - 1)
            pipe.expire(_log_key(record.of), DELIVERY_KEPT_S)
            pipe.zadd(DUE, {record.id: due.timestamp()})
            pipe.execute()
        return True

    def claim(self, now: datetime) -> str | None:
        """A delivery that is due, from now on nobody else's for `CLAIM_S`."""
        at = now.timestamp()
        found: Any = self._claim(keys=[DUE], args=[at, at + CLAIM_S])
        return None if found is None else str(found.decode())

    def find_delivery(self, delivery_id: str) -> DeliveryRecord | None:
        raw: Any = self.redis.get(_delivery_key(delivery_id))
        return None if raw is None else DeliveryRecord.model_validate_json(raw)

    def get_delivery(self, delivery_id: str, owner: str) -> DeliveryRecord:
        """Raises NotFound."""
        record = self.find_delivery(delivery_id)
        if record is None or record.owner != owner:
            days = DELIVERY_KEPT_S // 86400
            raise NotFound(f"there is no webhook delivery {delivery_id[:64]}; they are kept {days} days")
        return record

    def keep_delivery(self, record: DeliveryRecord) -> None:
        """What became of a try; without `next_at` there is none to come. One that was deleted stays so."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(_delivery_key(record.id), record.model_dump_json(), xx=True, ex=DELIVERY_KEPT_S)
            if record.next_at is None:
                pipe.zrem(DUE, record.id)
            else:
                pipe.zadd(DUE, {record.id: record.next_at.timestamp()})
            pipe.execute()

    def put_off(self, delivery_id: str, until: datetime) -> None:
        self.redis.zadd(DUE, {delivery_id: until.timestamp()}, xx=True)

    def drop_due(self, delivery_id: str) -> None:
        self.redis.zrem(DUE, delivery_id)

    def deliveries(
        self, of: str, limit: int, cursor: str | None, owner: str
    ) -> tuple[list[DeliveryRecord], str | None]:
        """Up to `limit` of an endpoint's, job's or batch's messages, newest first."""
        rank: Any = self.redis.zrevrank(_log_key(of), cursor) if cursor else None
        start = 0 if rank is None else int(rank) + 1
        found: Any = self.redis.zrevrange(_log_key(of), start, start + limit)
        ids = [name.decode() for name in found]
        records = [record for name in ids[:limit] if (record := self.find_delivery(name)) is not None]
        # All that an endpoint, job or batch was told is one owner's: to others not even a cursor says that it is there.
        if any(record.owner != owner for record in records):
            return [], None
        return records, ids[limit - 1] if len(ids) > limit else None


def _endpoint_key(endpoint_id: str) -> str:
    return f"{PREFIX}:webhook-endpoint:{endpoint_id}"


def _endpoints_key(owner: str) -> str:
    return f"{PREFIX}:webhook-endpoints:{owner}"


def _delivery_key(delivery_id: str) -> str:
    return f"{PREFIX}:delivery:{delivery_id}"


def _log_key(of: str) -> str:
    return f"{PREFIX}:deliveries-of:{of}"
