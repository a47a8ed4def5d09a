"""Which workers there are and what each can do. A worker writes itself down and renews that while it lives.

:worker:<name>      its `Abilities` as JSON, gone some seconds after its last word
:worker-now:<name>  its `WorkerNow`, likewise
:workers            names of workers, some of which may be gone
:needs              the words of all queues that jobs with special needs have travelled on (`service.jobs.needs`)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field
from redis import Redis
from redis.client import Pipeline

from service.records import PREFIX

NEEDS = f"{PREFIX}:needs"
WORKERS = f"{PREFIX}:workers"


class Abilities(BaseModel):
    """What a worker can do. Lists of names as they stand in a job's options; `device` as it is set."""

    queues: list[str] = Field(description="The queues that it serves: `ingest` reads files, `retarget` retargets.")
    methods: list[str] = Field(description="Values of the option `method`, but for `auto`.")
    refine: list[str] = Field(description="Values of the option `refine`, but for `none`.")
    encoders: list[str] = Field(description="Encoders that are ready, as NAME@VERSION.")
    preview: list[str] = Field(description="Values of the option `preview_format`.")
    device: str = Field(description="The setting RETARGET_DEVICE.")
    circumstances: dict[str, str] = Field(
        default_factory=dict,
        description="Digests of what else results depend on here, by the option `encoder`: equal ones, equal results.",
    )
    device_found: str | None = Field(
        None, description="What its models work on: `cpu`, or the name of the GPU; null where it has loaded none."
    )


class WorkerNow(BaseModel):
    """How a worker fares. Sizes in bytes; null where its machine does not tell."""

    holding_back: str | None = Field(None, description="Why it takes no job; null where it takes them.")
    free_memory_bytes: int | None = Field(None, description="What its machine or container still has.")
    job_process_bytes: int = Field(0, description="What its job process holds.")
    gpu_used_bytes: int | None = Field(None, description="Of the GPU that its models work on, by all processes.")
    gpu_total_bytes: int | None = None


def register(redis: Redis, name: str, abilities: Abilities, ttl_s: int, now: WorkerNow | None = None) -> None:
    """Write a worker down for `ttl_s` seconds."""
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.set(_key(name), abilities.model_dump_json(), ex=ttl_s)
        pipeline.set(_key_now(name), (now or WorkerNow()).model_dump_json(), ex=ttl_s)
        pipeline.sadd(WORKERS, name)
        pipeline.execute()


def sign_off(redis: Redis, name: str) -> None:
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.delete(_key(name), _key_now(name))
        pipeline.srem(WORKERS, name)
        pipeline.execute()


def states_of(redis: Redis, names: Iterable[str]) -> dict[str, WorkerNow]:
    """How these workers fare; one that does not say has none of it."""
    asked = list(names)
    found: Any = redis.mget([_key_now(name) for name in asked]) if asked else []
    return {
        name: WorkerNow() if raw is None else WorkerNow.model_validate_json(raw)
        for name, raw in zip(asked, found, strict=True)
    }


def registered(redis: Redis) -> dict[str, Abilities]:
    """The workers that live, by name."""
    known: Any = redis.smembers(WORKERS)
    names = sorted(name.decode() for name in known)
    told: Any = redis.mget([_key(name) for name in names]) if names else []
    found = dict(zip(names, told, strict=True))
    gone = [name for name, raw in found.items() if raw is None]
    if gone:
        redis.srem(WORKERS, *gone)  # one that only seemed to be gone comes back with its next word
    return {name: Abilities.model_validate_json(raw) for name, raw in found.items() if raw is not None}


def _key(name: str) -> str:
    return f"{PREFIX}:worker:{name}"


def _key_now(name: str) -> str:
    return f"{PREFIX}:worker-now:{name}"


def note_needs(connection: Redis | Pipeline, words: str) -> None:
    """From now on workers that can do this listen for jobs that need it."""
    connection.sadd(NEEDS, words)


def known_needs(redis: Redis) -> list[str]:
    found: Any = redis.smembers(NEEDS)
    return sorted(text.decode() for text in found)
