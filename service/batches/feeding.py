"""Items become jobs as the queue has room: a batch of ten thousand waits in one small record, not in the queue.

A batch has at most `batch_waiting_max` jobs waiting, all batches together half of what the queue takes, and those of
one owner half of what its key may have: single jobs always find room. Owners with the fewest waiting jobs come first.

The jobs and the batch's new place are written in one transaction that fails where the batch has changed meanwhile, so
two gateways that feed at once, or one that is killed, make no job twice and lose none.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from redis.client import Pipeline
from redis.exceptions import WatchError

from service.batches.schemas import BatchRecord
from service.batches.store import BatchStore, again_key, counts_key, jobs_key, record_key
from service.files.blobs import BlobStore
from service.files.references import BlobReferences
from service.jobs.intake import ready_to_submit
from service.jobs.queue import enqueue, withdraw
from service.jobs.schemas import JobInput, JobRecord
from service.jobs.store import JobStore
from service.records import PREFIX
from service.rounds import Rounds
from service.settings import Settings
from workers.contract.errors import NotCancelable, NotFound
from workers.contract.options import parse_options

LOG = logging.getLogger("retarget.batches")
AT_ONCE = 50  # jobs made in one transaction: Redis does nothing else meanwhile


def feed_all(jobs: JobStore, blobs: BlobStore, settings: Settings) -> int:
    """One round over all open batches; the number of jobs made."""
    store, made = BatchStore(jobs.redis), 0
    records = [record for name in store.open_ids() if (record := store.find(name)) is not None]
    waiting = {record.owner: jobs.waiting_of(record.owner) for record in records}
    now = datetime.fromtimestamp(jobs.now(), UTC) if records else None
    for record in sorted(records, key=lambda record: waiting[record.owner]):
        if record.status == "canceling":
            cancel_jobs(jobs, store, record.id)
        elif now is not None and record.deadline_at is not None and record.deadline_at <= now:
            store.drop_pending(record.id, "expired")
        else:
            made += feed(jobs, blobs, settings, record.id)
    return made


def feed(jobs: JobStore, blobs: BlobStore, settings: Settings, batch_id: str) -> int:
    """As many jobs of one batch as there is room for; how many."""
    store, made = BatchStore(jobs.redis), 0
    while True:
        record = store.find(batch_id)
        if record is None or record.status != "running":
            return made
        count = min(_room(jobs, store, settings, record), AT_ONCE)
        new = _make(jobs, blobs, settings, store, record, count) if count > 0 else 0
        if not new:
            return made
        made += max(new, 0)


def _room(jobs: JobStore, store: BatchStore, settings: Settings, record: BatchRecord) -> int:
    own = settings.batch_waiting_max - store.counts(record.id)["queued"]
    of_all = settings.queue_depth_max // 2 - jobs.queue_depth()
    of_owner = settings.waiting_max_per_key // 2 - jobs.waiting_of(record.owner) if record.owner else own
    return min(own, of_all, of_owner)


def _make(
    jobs: JobStore, blobs: BlobStore, settings: Settings, store: BatchStore, record: BatchRecord, count: int
) -> int:
    """Make up to `count` jobs; how many, -1 where somebody else changed the batch meanwhile."""
    references = BlobReferences(jobs.redis, blobs)
    with jobs.redis.pipeline(transaction=True) as pipe:
        watched: Any = pipe  # redis-py types what a watching pipeline answers as maybe awaitable
        watched.watch(record_key(record.id), again_key(record.id))
        again = [int(number) for number in watched.lrange(again_key(record.id), 0, count - 1)]
        fed = int(watched.hget(record_key(record.id), "fed") or 0)
        if watched.hget(record_key(record.id), "status") != b"running":
            return 0
        fresh = list(range(fed, min(fed + count - len(again), record.total)))
        before = {number: name.lstrip("~") for number in again for name in store.job_ids(record.id, number, number + 1)}
        pipe.multi()
        now = jobs.now()
        for number in [*again, *fresh]:
            job = _job(record, number, settings, before.get(number))
            references.share(pipe, job.input.blobs(), job.id, now)
            jobs.create(job, pipe)
            enqueue(jobs, job, settings, pipe)
            _place(pipe, record.id, number, job.id, is_new=number not in before)
        if again:
            pipe.ltrim(again_key(record.id), len(again), -1)
        if fresh:
            pipe.hset(record_key(record.id), "fed", str(fed + len(fresh)))
        made = len(again) + len(fresh)
        if made:
            pipe.hincrby(counts_key(record.id), "pending", -made)
            pipe.hincrby(counts_key(record.id), "queued", made)
        try:
            pipe.execute()
        except WatchError:
            return -1
    return made


def _place(pipe: Pipeline, batch_id: str, number: int, job_id: str, *, is_new: bool) -> None:
    if is_new:
        pipe.rpush(jobs_key(batch_id), job_id)
    else:
        pipe.lset(jobs_key(batch_id), number, job_id)


def _job(record: BatchRecord, number: int, settings: Settings, before: str | None) -> JobRecord:
    item = record.plan.item(number)
    parts = {"motion": item.motion, "character": item.character}
    if item.source_character is not None:
        parts["source_character"] = item.source_character
    given = JobInput(
        **{part: record.assets[name].files for part, name in parts.items()},
        definition=record.assets[item.character].definition,
        assets=parts,
    )
    options = record.options
    if record.plan.pairs:
        options = parse_options({**record.options, **item.options}).model_dump(mode="json")
    made = JobRecord(
        owner=record.owner,
        priority=record.priority,
        options=options,
        metadata={**record.metadata, **item.metadata},
        deadline_at=record.deadline_at,
        batch_id=record.id,
        batch_item=number,
        retry_of=before,
        fresh=before is not None,
    )
    return ready_to_submit(made, given, settings)


def cancel_jobs(jobs: JobStore, store: BatchStore, batch_id: str) -> None:
    """Cancel what has not ended. Repeated until the batch has ended, so it may break off."""
    if not any(store.counts(batch_id)[name] for name in ("queued", "running")):
        return
    for job_id in store.all_job_ids(batch_id):
        status: Any = jobs.redis.hget(f"{PREFIX}:job:{job_id}", "status")
        if status not in (b"queued", b"running"):
            continue
        try:
            record = jobs.request_cancel(job_id)
        except (NotCancelable, NotFound):
            continue
        if record.is_final:
            withdraw(jobs, record)


def feeder(settings: Settings, jobs: JobStore, blobs: BlobStore) -> Rounds:
    """Feeds all open batches every second, in a thread of a gateway."""
    return Rounds("feeder", [lambda: feed_all(jobs, blobs, settings)], LOG, "batches are not fed", patience_s=10)
