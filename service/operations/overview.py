"""Overview: the queues and workers of an installation at one moment, read from Redis alone.

A job's age counts from the moment in its id, by Redis's clock. A job that was parked between two workers counts in the
queue `retarget`; one that has not been read counts in `ingest`, where every job begins (`service.jobs.queue`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, Field
from redis import Redis

from service.jobs.queue import INGEST, RETARGET
from service.jobs.registry import Abilities, WorkerNow, registered, states_of
from service.jobs.store import JobStore
from service.records import PREFIX, milliseconds_of


class QueueState(BaseModel):
    """Jobs that wait in one queue."""

    depth: int = Field(description="Jobs that wait.")
    oldest_s: float = Field(description="Age of the oldest in seconds, 0 where none waits.")


class WorkerState(BaseModel):
    """One worker that lives."""

    busy: bool = Field(description="Whether it runs a job.")
    abilities: Abilities
    now: WorkerNow

    @property
    def state(self) -> Literal["busy", "idle", "held"]:
        """`held`: it takes no job for the moment."""
        return "busy" if self.busy else "held" if self.now.holding_back else "idle"


class Overview(BaseModel):
    """`running` are executions under a lease."""

    queues: dict[str, QueueState]
    running: int
    workers: dict[str, WorkerState]


def overview(redis: Redis) -> Overview:
    """Raises redis.RedisError."""
    store = JobStore(redis)
    now_s = store.now()
    found = registered(redis)
    fare = states_of(redis, found)
    pipe = redis.pipeline(transaction=False)
    for name in found:
        pipe.hget(f"rq:worker:{name}", "state")
    pipe.zcard(f"{PREFIX}:leases")
    *states, running = pipe.execute()
    return Overview(
        queues={
            INGEST: _state(store.queued_ids(), now_s),
            RETARGET: _state(store.parked_ids(), now_s),
        },
        running=int(running),
        workers={
            name: WorkerState(busy=_is_busy(state), abilities=abilities, now=fare[name])
            for (name, abilities), state in zip(found.items(), states, strict=True)
        },
    )


def _state(ids: Iterable[str], now_s: float) -> QueueState:
    moments = [milliseconds_of(job_id) / 1000 for job_id in ids]
    return QueueState(depth=len(moments), oldest_s=max(now_s - min(moments), 0.0) if moments else 0.0)


def _is_busy(state: Any) -> bool:
    return bool(state == b"busy")
