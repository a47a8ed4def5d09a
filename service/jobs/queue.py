"""Handing jobs to RQ, which carries them to a worker: the payload is the job's id, the serializer JSON.

Two queues. Every job starts on `ingest`, where files are read. A worker that serves both queues goes on with it; one
that only ingests, or lacks what the job needs, parks it, with the stored scenes of its files, and hands it to
`retarget`, whose workers need no upload. A parked job with special needs travels on `retarget:WORDS`
(`service.jobs.needs`), to which only those workers listen that can do it. Inspections go ahead of other jobs. RQ's job
id is ours plus the attempt it is for, and `-retarget` for a parked job, so a requeued job is a new RQ job. RQ's status
is transport only: delivery may happen twice or never, and the record decides (`JobStore.claim` refuses the second; the
sweeper finds the lost with `is_in_transport`).
"""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from service.jobs.needs import needs_of, written
from service.jobs.registry import note_needs
from service.jobs.schemas import JobKind, JobRecord
from service.jobs.store import JobStore
from service.settings import Settings

INGEST, RETARGET = "ingest", "retarget"
# The queue whose workers bound how many jobs of a kind get done.
QUEUE_OF_KIND: dict[JobKind, str] = {"inspect": INGEST, "retarget": RETARGET}
# For whoever looks into RQ. No worker imports these names, the record says what to run: so a job that was handed in
# before an upgrade, under the name its task had then, runs after it.
FUNCTION_OF_KIND: dict[JobKind, str] = {
    "inspect": "workers.queue.tasks.inspect_job",
    "retarget": "workers.queue.tasks.retarget_job",
}
TRANSPORT_RESULT_TTL_S = 60  # our record holds the result; RQ's entry only has to survive its own bookkeeping
TRANSPORT_FAILURE_TTL_S = 3600  # long enough to look at a crash


def transport_id(record: JobRecord) -> str:
    """RQ's id of the record's next execution."""
    return f"{record.id}-{record.attempt + 1}" if record.scenes is None else f"{record.id}-{record.attempt}-retarget"


def queue(connection: Redis, name: str) -> Queue:
    """An RQ queue by name."""
    return Queue(name, connection=connection, serializer=JSONSerializer)


def queue_of(connection: Redis, record: JobRecord) -> Queue:
    """The RQ queue that the record's next execution travels on."""
    return queue(connection, INGEST if record.scenes is None else retarget_queue(written(needs_of(record.options))))


def retarget_queue(needs: str) -> str:
    """The queue of parked jobs with these needs, as `needs.written` gives them."""
    return f"{RETARGET}:{needs}" if needs else RETARGET


def submit(
    store: JobStore, record: JobRecord, settings: Settings, also: Callable[[Pipeline], None] = lambda pipeline: None
) -> None:
    """Write a new record and hand it to RQ in one transaction, and what `also` adds to it: all are there, or none."""
    pipeline = store.redis.pipeline(transaction=True)
    pipeline.multi()  # RQ does so otherwise, and then refuses what was buffered before
    also(pipeline)
    store.create(record, pipeline)
    enqueue(store, record, settings, pipeline)
    pipeline.execute()


def enqueue(store: JobStore, record: JobRecord, settings: Settings, pipeline: Pipeline | None = None) -> None:
    """Hand a queued or parked record to RQ, as part of the caller's transaction if one is given."""
    needs = needs_of(record.options)
    if record.scenes is not None and needs:
        note_needs(store.redis if pipeline is None else pipeline, written(needs))
    timeout_s = settings.inspect_timeout_s if record.kind == "inspect" else settings.job_timeout_s
    queue_of(store.redis, record).enqueue_call(
        FUNCTION_OF_KIND[record.kind],
        args=[record.id],
        timeout=timeout_s,
        result_ttl=TRANSPORT_RESULT_TTL_S,
        failure_ttl=TRANSPORT_FAILURE_TTL_S,
        job_id=transport_id(record),
        description=f"{record.kind} {record.id}",
        at_front=record.kind == "inspect",
        pipeline=pipeline,
    )


def withdraw(store: JobStore, record: JobRecord) -> None:
    """Take back a job that ended before it ran; a worker that has just taken it finds nothing to claim."""
    name = transport_id(record)
    with store.redis.pipeline(transaction=True) as pipeline:
        pipeline.lrem(queue_of(store.redis, record).key, 0, name)
        pipeline.delete(Job.key_for(name))
        pipeline.execute()


def is_in_transport(store: JobStore, record: JobRecord, silent_s: float) -> bool:
    """Whether RQ still holds the record's next execution: waiting, being moved to a worker, or just started there.

    Started without a claim on the record and without RQ's heartbeat for `silent_s` seconds counts as lost.
    """
    name = transport_id(record)
    waiting = queue_of(store.redis, record)
    if waiting.get_job_position(name) is not None or store.redis.lpos(waiting.intermediate_queue_key, name) is not None:
        return True
    try:
        job = Job.fetch(name, connection=store.redis, serializer=JSONSerializer)
    except NoSuchJobError:
        return False
    heartbeat = job.last_heartbeat
    return bool(job.is_started and heartbeat is not None and store.now() - heartbeat.timestamp() < silent_s)
