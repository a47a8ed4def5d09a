"""Handing jobs to RQ: one transaction, ids only, JSON, and knowing whether RQ still has them."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer

from service.jobs import queue as transport
from service.jobs.schemas import JobKind, JobRecord
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import make_record


def fetch(redis: Redis, name: str) -> Job:
    return Job.fetch(name, connection=redis, serializer=JSONSerializer)


@pytest.mark.parametrize(
    ("kind", "queue_name", "function", "timeout_s"),
    [
        ("retarget", "ingest", "workers.queue.tasks.retarget_job", 600),
        ("inspect", "ingest", "workers.queue.tasks.inspect_job", 60),
    ],
)
def test_what_travels(
    store: JobStore, redis: Redis, settings: Settings, kind: JobKind, queue_name: str, function: str, timeout_s: int
) -> None:
    record = JobRecord(kind=kind)
    transport.submit(store, record, settings)
    name = f"{record.id}-1"
    assert redis.lrange(f"rq:queue:{queue_name}", 0, -1) == [name.encode()]
    job = fetch(redis, name)
    assert (job.func_name, job.args, job.kwargs, job.timeout) == (function, [record.id], {}, timeout_s)
    assert job.result_ttl is not None and job.result_ttl > 0 and job.failure_ttl is not None and job.failure_ttl > 0
    data: Any = redis.hget(f"rq:job:{name}", "data")
    assert json.loads(zlib.decompress(data)) == [function, None, [record.id], {}]


def test_record_and_message_are_written_together_or_not_at_all(
    store: JobStore, redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **more: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(transport, "enqueue", broken)
        with pytest.raises(ZeroDivisionError):
            transport.submit(store, JobRecord(), settings)
    assert list(redis.scan_iter("retarget:*")) == []
    transactions: list[str] = []
    record = JobRecord()
    with redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        transport.submit(store, record, settings)
        redis.echo("end")
        for entry in iter(monitor.next_command, None):
            transactions.append(entry["command"].split()[0].upper())
            if transactions[-1] == "ECHO":
                break
    inside = transactions[transactions.index("MULTI") : transactions.index("EXEC")]
    assert {"HSET", "ZADD", "RPUSH"} <= set(inside)
    assert not {"HSET", "ZADD", "RPUSH"} & set(transactions[transactions.index("EXEC") :])


def test_a_requeued_job_is_a_new_message(store: JobStore, redis: Redis, settings: Settings) -> None:
    record = JobRecord()
    transport.submit(store, record, settings)
    store.claim(record.id, "e1", 30)
    store.release(record.id, "e1")
    assert store.requeue(record.id, "e1", "its worker died")
    transport.enqueue(store, store.get(record.id), settings)
    assert redis.lrange("rq:queue:ingest", 0, -1) == [f"{record.id}-1".encode(), f"{record.id}-2".encode()]


def test_whether_rq_still_has_it(store: JobStore, redis: Redis, settings: Settings) -> None:
    lost = make_record(store)
    assert not transport.is_in_transport(store, lost, 30)
    record = JobRecord()
    transport.submit(store, record, settings)
    assert transport.is_in_transport(store, record, 30)
    waiting = transport.queue(redis, "ingest")
    redis.lmove(waiting.key, waiting.intermediate_queue_key)
    assert transport.is_in_transport(store, record, 30)  # on its way to a worker
    redis.delete(waiting.intermediate_queue_key)
    assert not transport.is_in_transport(store, record, 30)  # the worker died with it
    job = fetch(redis, f"{record.id}-1")
    with redis.pipeline() as pipeline:
        job.prepare_for_execution("worker-1", pipeline)
        pipeline.execute()
    assert transport.is_in_transport(store, record, 30)  # just started
    assert not transport.is_in_transport(store, record, 0)  # started, and silent since


def test_a_parked_job_travels_to_those_who_retarget(store: JobStore, redis: Redis, settings: Settings) -> None:
    record = JobRecord()
    transport.submit(store, record, settings)
    store.claim(record.id, "e1", 30)
    store.hand_over(record.id, "e1", {"motion": "scenes/x"})
    parked = store.get(record.id)
    assert not transport.is_in_transport(store, parked, 30)
    transport.enqueue(store, parked, settings)
    assert redis.lrange("rq:queue:retarget", 0, -1) == [f"{record.id}-1-retarget".encode()]
    assert transport.is_in_transport(store, parked, 30)
    transport.withdraw(store, store.request_cancel(record.id))
    assert redis.lrange("rq:queue:retarget", 0, -1) == []


def test_inspections_go_ahead(store: JobStore, redis: Redis, settings: Settings) -> None:
    job, look = JobRecord(), JobRecord(kind="inspect")
    for record in (job, look):
        transport.submit(store, record, settings)
    assert redis.lrange("rq:queue:ingest", 0, -1) == [f"{look.id}-1".encode(), f"{job.id}-1".encode()]
