"""Which workers there are and what each can do. A worker writes itself down and renews that while it lives.

:worker:<name>   its `Abilities` as JSON, gone some seconds after its last word
:needs           the words of all queues that jobs with special needs have travelled on (`service.jobs.needs`)
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from redis import Redis
from redis.client import Pipeline

from service.records import PREFIX

NEEDS = f"{PREFIX}:needs"


class Abilities(BaseModel):
    """What a worker can do. Lists of names as they stand in a job's options; `device` as it is set."""

    queues: list[str] = Field(description="The queues that it serves: `ingest` reads files, `retarget` retargets.")
    methods: list[str] = Field(description="Values of the option `method`, but for `auto`.")
    refine: list[str] = Field(description="Values of the option `refine`, but for `none`.")
    encoders: list[str] = Field(description="Encoders that are ready, as NAME@VERSION.")
    preview: list[str] = Field(description="Values of the option `preview_format`.")
    device: str = Field(description="The setting RETARGET_DEVICE.")
    device_found: str | None = Field(
        None, description="What its models work on: `cpu`, or the name of the GPU; null where it has loaded none."
    )


def register(redis: Redis, name: str, abilities: Abilities, ttl_s: int) -> None:
    """Write a worker down for `ttl_s` seconds."""
    redis.set(f"{PREFIX}:worker:{name}", abilities.model_dump_json(), ex=ttl_s)


def sign_off(redis: Redis, name: str) -> None:
    redis.delete(f"{PREFIX}:worker:{name}")


def registered(redis: Redis) -> dict[str, Abilities]:
    """The workers that live, by name."""
    names = sorted(redis.scan_iter(f"{PREFIX}:worker:*", count=1000))
    found: Any = redis.mget(names) if names else []
    return {
        name.decode().removeprefix(f"{PREFIX}:worker:"): Abilities.model_validate_json(raw)
        for name, raw in zip(names, found, strict=True)
        if raw is not None
    }


def note_needs(connection: Redis | Pipeline, words: str) -> None:
    """From now on workers that can do this listen for jobs that need it."""
    connection.sadd(NEEDS, words)


def known_needs(redis: Redis) -> list[str]:
    found: Any = redis.smembers(NEEDS)
    return sorted(text.decode() for text in found)
