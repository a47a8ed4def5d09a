"""JobStore: the job records in Redis, our own truth about every job. RQ is only the transport.

Each method is one atomic step (`service.jobs.scripts`); final states never change. An execution is a claim with a
random `execution_id` and a lease: whoever does not hold the token of the record can neither move it on nor publish.
Blocking; the gateway calls it from threads. Blobs, and handing jobs to workers, are left to others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from redis import Redis
from redis.client import Pipeline
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from service.jobs import scripts
from service.jobs.needs import needs_of, written
from service.jobs.schemas import JobKind, JobRecord, JobResult, JobStatus
from service.logs import named
from service.records import PREFIX, id_of, newest_page, redis_now
from service.telemetry import traceparent
from workers.contract.errors import Expired, NotCancelable, NotFound

MILLISECOND = timedelta(milliseconds=1)
CHANGES = f"{PREFIX}:changed"
_JSON_FIELDS = frozenset({"input", "options", "engine", "result", "error", "metadata", "scenes", "webhook"})
_TIME_FIELDS = frozenset(
    {
        "lease_until",
        "stage_since",
        "created_at",
        "started_at",
        "claimed_at",
        "finished_at",
        "expires_at",
        "input_expires_at",
        "deadline_at",
        "retry_at",
        "first_fault_at",
    },
)
_KINDS: tuple[JobKind, ...] = ("retarget", "inspect")


@dataclass(frozen=True)
class Outlook:
    """A job's place in the queue, None where it does not wait; mean durations of jobs with its needs and of its kind;
    workers.
    """

    position: int | None
    mean_s: float | None
    mean_of_kind_s: float | None
    workers: int


class JobStore:
    """Job records of one Redis. The connection must not decode responses (RQ needs bytes too)."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._scripts = {
            name: redis.register_script(scripts.PRELUDE + body)
            for name, body in vars(scripts).items()
            if name.isupper()
        }

    def create(self, record: JobRecord, pipeline: Pipeline | None = None) -> None:
        """Write a new queued record and index it; with a pipeline, as part of the caller's transaction."""
        record.request_id = record.request_id or named("request_id")
        record.trace = record.trace or traceparent()
        pipe = self.redis.pipeline() if pipeline is None else pipeline
        pipe.hset(_job_key(record.id), mapping=_to_hash(record))
        pipe.zadd(_index(record.owner, record.kind, record.status), {record.id: 0})
        pipe.zadd(_index(record.owner, record.kind, "all"), {record.id: 0})
        self._scripts["TAKE_A_TURN"](keys=[], args=[PREFIX, record.id], client=pipe)
        looks = [at.timestamp() for at in (record.input_expires_at, record.deadline_at) if at is not None]
        if looks:
            pipe.zadd(f"{PREFIX}:deadlines", {record.id: min(looks)})
        if pipeline is None:
            pipe.execute()

    def create_answered(self, record: JobRecord, result: dict[str, Any], pipeline: Pipeline) -> None:
        """Write a new record that has its result already (see `publish`), as part of the caller's transaction: it never
        waits, takes no turn from its owner, and no execution ran.
        """
        JobResult.model_validate(result)
        body = {name: value for name, value in result.items() if name != "engine"}
        pipeline.hset(_job_key(record.id), mapping=_to_hash(record))
        pipeline.zadd(_index(record.owner, record.kind, "all"), {record.id: 0})
        if record.input_expires_at is not None:
            pipeline.zadd(f"{PREFIX}:deadlines", {record.id: record.input_expires_at.timestamp()})
        arguments = [PREFIX, record.id, _to_json(body), _to_json(result.get("engine") or record.engine)]
        self._scripts["ANSWER"](keys=[], args=arguments, client=pipeline)

    def get(self, job_id: str, owner: str | None = None) -> JobRecord:
        """The record. Raises NotFound, also where it is of another owner than the one given."""
        found = self.get_many([job_id])
        if not found or owner not in (None, found[0].owner):
            raise NotFound(f"there is no job {job_id}; it was deleted, or its record is older than the retention time")
        return found[0]

    def get_many(self, job_ids: Iterable[str]) -> list[JobRecord]:
        """The records that exist, in the order asked for."""
        pipe = self.redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipe.hgetall(_job_key(job_id))
        return [_from_hash(raw) for raw in pipe.execute() if raw]

    def claim(self, job_id: str, execution_id: str, lease_s: float) -> JobRecord | None:
        """queued -> running under a lease, one attempt more; a parked job goes on in the same attempt.

        None where the job is neither (any more).
        """
        if not execution_id:
            raise ValueError("an execution needs an id")
        if self._run("CLAIM", job_id, execution_id, lease_s) != "yes":
            return None
        return next(iter(self.get_many([job_id])), None)

    def hand_over(self, job_id: str, execution_id: str, scenes: dict[str, str]) -> Literal["yes", "cancel", "lost"]:
        """Give up the lease of a running job whose files are read: it stays running, parked until another claims it.

        Handing it to RQ is the caller's (`queue.enqueue`), as after `requeue`.
        """
        answer = self._run("HAND_OVER", job_id, execution_id, _to_json(scenes))
        return "yes" if answer == "yes" else "cancel" if answer == "cancel" else "lost"

    def renew(self, job_id: str, execution_id: str, lease_s: float) -> bool:
        """Prolong the lease, while canceling too. False: this execution has lost the job and must stop."""
        return self._run("RENEW", job_id, execution_id, lease_s) == "yes"

    def progress(self, job_id: str, execution_id: str, stage: str, fraction: float) -> Literal["go", "cancel", "lost"]:
        """Say how far the job is (0 to 1); the answer says whether to go on. Does not renew the lease."""
        answer = self._run("PROGRESS", job_id, execution_id, stage, f"{min(max(fraction, 0.0), 1.0):.4f}")
        return "go" if answer == "go" else "cancel" if answer == "cancel" else "lost"

    def publish(self, job_id: str, execution_id: str, result: dict[str, Any]) -> bool:
        """running -> succeeded with `result` (see JobResult; `engine` in it replaces the record's).

        False: the job was lost or is canceling (it is canceled then), nothing was published, and the caller removes
        what it wrote. Raises ValueError for NaN, infinity, and what is no JobResult: nobody could read it back.
        """
        JobResult.model_validate(result)
        engine = result.get("engine")
        body = {name: value for name, value in result.items() if name != "engine"}
        raw: Any = self.redis.hget(_job_key(job_id), "options")
        needs = written(needs_of(json.loads(raw))) if raw else ""
        told = _to_json(engine) if engine else ""
        is_measure = "" if result.get("cached_from") else "1"
        return self._run("PUBLISH", job_id, execution_id, _to_json(body), told, needs, is_measure) == "yes"

    def fail(self, job_id: str, execution_id: str, error: dict[str, Any]) -> bool:
        """running -> failed with `error` (RetargetError.to_dict()). False: lost, or canceling and so canceled now."""
        return self._run("FAIL", job_id, execution_id, _to_json(error)) == "yes"

    def request_cancel(self, job_id: str) -> JobRecord:
        """queued -> canceled, running -> canceling; canceling stays. Raises NotFound, NotCancelable."""
        answer = self._run("REQUEST_CANCEL", job_id)
        if answer == "final":
            raise NotCancelable(f"job {job_id} has already ended; delete it to remove what it made")
        return self.get(job_id)

    def finish_cancel(self, job_id: str, execution_id: str | None) -> bool:
        """canceling -> canceled, by the execution itself, or with None where its lease has run out."""
        return self._run("FINISH_CANCEL", job_id, execution_id or "") == "yes"

    def release(self, job_id: str, execution_id: str) -> bool:
        """End the lease now: for the owner of an execution that is known to be dead, so that it can be requeued."""
        return self._run("RELEASE", job_id, execution_id) == "yes"

    def requeue(self, job_id: str, execution_id: str, reason: str) -> bool:
        """running without a live lease -> queued. Handing it to RQ again is the caller's (`queue.enqueue`)."""
        return self._run("REQUEUE", job_id, execution_id, reason, 0, "") == "yes"

    def postpone_execution(self, job_id: str, execution_id: str, reason: str, delay_s: float, *, fault: bool) -> bool:
        """As `requeue`, but not before `delay_s` have passed; the sweeper hands it to RQ then. `fault` counts it."""
        return self._run("REQUEUE", job_id, execution_id, reason, delay_s, "1" if fault else "") == "yes"

    def expire(
        self, job_id: str, why: str = "the job's uploads were removed before a worker took it; send it again"
    ) -> bool:
        """queued -> expired, once its inputs are gone or its deadline is over."""
        error = Expired(why)
        return self._run("EXPIRE", job_id, _to_json(error.to_dict())) == "yes"

    def delete(self, job_id: str) -> bool:
        """Remove the record; a running execution then finds that it has lost the job. False: there was none."""
        return self._run("DELETE", job_id) == "yes"

    def expired_leases(self, now: float | None = None) -> list[str]:
        """Jobs running or canceling whose lease ended before `now` (epoch seconds; default: Redis's clock)."""
        ids = self.redis.zrangebyscore(f"{PREFIX}:leases", "-inf", self.now() if now is None else now)
        return _texts(ids)

    def queued_ids(self) -> list[str]:
        """All queued jobs, in the order in which they are to run within each kind."""
        return [job_id for kind in _KINDS for job_id in _texts(self.redis.zrange(f"{PREFIX}:waiting:{kind}", 0, -1))]

    def parked_ids(self) -> list[str]:
        """Jobs between two workers, those that wait longest first."""
        return _texts(self.redis.zrange(f"{PREFIX}:parked", 0, -1))

    def queue_depth(self) -> int:
        """Number of jobs of all kinds that wait for a worker, be it their first or their second."""
        waiting = [*(f"{PREFIX}:waiting:{kind}" for kind in _KINDS), f"{PREFIX}:parked"]
        return sum(int(_plain(self.redis.zcard(name))) for name in waiting)

    def outlook(self, kind: JobKind, job_id: str, needs: str, queue_name: str) -> Outlook:
        """What a job's place and estimate are made of, in one exchange with Redis."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.zrank(f"{PREFIX}:waiting:{kind}", job_id)
        pipe.get(f"{PREFIX}:duration:{kind}:{needs}")
        pipe.get(f"{PREFIX}:duration:{kind}")
        pipe.scard(WORKERS_BY_QUEUE_KEY % queue_name)
        rank, own, of_kind, workers = pipe.execute()
        mean_s, kind_s = (None if value is None else float(value) for value in (own, of_kind))
        return Outlook(None if rank is None else int(rank), mean_s, kind_s, int(workers))

    def worker_count(self, queue_name: str) -> int:
        """Workers registered with RQ for a queue; one that was killed stays counted for some minutes."""
        return int(_plain(self.redis.scard(WORKERS_BY_QUEUE_KEY % queue_name)))

    def waiting_of(self, owner: str) -> int:
        """Number of jobs of one owner that wait for a worker."""
        return int(_plain(self.redis.scard(f"{PREFIX}:waiting-of:{owner}")))

    def first_waiting(self, kind: JobKind) -> str | None:
        """The job whose turn it is: the first in the fair order that may run now."""
        found = self._run("FIRST_WAITING", kind)
        return found or None

    def page(
        self,
        *,
        kind: JobKind = "retarget",
        status: JobStatus | None = None,
        limit: int = 20,
        cursor: str | None = None,
        owner: str = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> tuple[list[JobRecord], str | None]:
        """Up to `limit` records of an owner, newest first, older than the id `cursor`; and the next page's cursor."""
        index = _index(owner, kind, status or "all")
        oldest = "-" if created_after is None else f"({first_id_at(created_after + MILLISECOND)}"
        newest = [name for name in (cursor, None if created_before is None else first_id_at(created_before)) if name]
        ids, following = newest_page(self.redis, index, limit, min(newest, default=None), oldest)
        return self.get_many(ids), following

    def events(self, job_id: str, after: int) -> list[tuple[int, dict[str, Any]]]:
        """The changes of a job after the version `after` that are kept: version, and event, status, stage, progress."""
        found: Any = self.redis.xrange(f"{PREFIX}:events:{job_id}", min=f"({after}-0" if after else "-")
        events = []
        for name, fields in found:
            texts = {key.decode(): value.decode() for key, value in fields.items()}
            version = int(name.decode().partition("-")[0])
            values = {"stage": texts["stage"] or None, "progress": float(texts["progress"] or 0)}
            events.append((version, {"event": texts["event"], "status": texts["status"], **values}))
        return events

    def due(self, now: datetime, limit: int = 1000) -> list[str]:
        """Jobs that retention has to look at."""
        ids = self.redis.zrangebyscore(f"{PREFIX}:deadlines", "-inf", now.timestamp(), start=0, num=limit)
        return _texts(ids)

    def postpone(self, job_id: str, when: datetime) -> bool:
        """Have retention look at the job again at `when`."""
        return self._run("POSTPONE", job_id, f"{when.timestamp():.6f}") == "yes"

    def now(self) -> float:
        """Redis's clock, seconds since the epoch."""
        return redis_now(self.redis)

    def _run(self, name: str, job_id: str, *arguments: str | float) -> str:
        answer = self._scripts[name](keys=[], args=[PREFIX, job_id, *arguments])
        return _texts(answer)[0]


def first_id_at(when: datetime) -> str:
    """No job that was made before this moment has a later id. Ids tell milliseconds."""
    return id_of("job_", int(when.timestamp() * 1000) << 80)


def _index(owner: str, kind: str, status: str) -> str:
    return f"{PREFIX}:index:{f'{owner}:' if owner else ''}{kind}:{status}"


def _job_key(job_id: str) -> str:
    return f"{PREFIX}:job:{job_id}"


def _to_json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _to_hash(record: JobRecord) -> dict[str, str]:
    """Absent values are empty strings, times seconds since the epoch, documents JSON."""
    documents = record.model_dump(mode="json", include=set(_JSON_FIELDS))
    return {
        name: _encode(documents[name] if name in _JSON_FIELDS else getattr(record, name), name in _JSON_FIELDS)
        for name in JobRecord.model_fields
    }


def _encode(value: Any, is_document: bool) -> str:
    if value is None:
        return ""
    if is_document:
        return _to_json(value)
    if isinstance(value, datetime):
        return f"{value.timestamp():.6f}"
    return str(int(value)) if isinstance(value, bool) else str(value)


def _from_hash(raw: dict[bytes, bytes]) -> JobRecord:
    return JobRecord.model_validate(
        {name.decode(): _decode(name.decode(), value.decode()) for name, value in raw.items()}
    )


def _decode(name: str, text: str) -> Any:
    if text == "":
        return "" if name == "owner" else None
    if name in _JSON_FIELDS:
        return json.loads(text)
    return datetime.fromtimestamp(float(text), UTC) if name in _TIME_FIELDS else text


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _plain(value: Any) -> Any:
    """redis-py types every answer as maybe awaitable; a blocking client never gives an awaitable."""
    return value
