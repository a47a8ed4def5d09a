"""What all of the gateway's endpoints share: settings, Redis, the blob store."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, Request
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from service.files.blobs import BlobStore
from service.files.reception import Reception
from service.files.store_marker import StoreMarker
from service.settings import Settings

VERSION = version("motion-retargeting-service")


@dataclass(frozen=True)
class Context:
    settings: Settings
    redis: Redis
    blobs: BlobStore
    marker: StoreMarker
    reception: Reception


def connect(settings: Settings) -> Redis:
    """A blocking connection that gives up within a few times `redis_timeout_s`. Connects on first use."""
    return Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=settings.redis_timeout_s,
        socket_timeout=settings.redis_timeout_s,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
    )


async def context_of(request: Request) -> Context:
    """A dependency; like all that do not block, a coroutine: FastAPI runs others in a thread, a tenth of a poll's cost
    each time.
    """
    context: Context = request.app.state.context
    return context


Shared = Annotated[Context, Depends(context_of)]
