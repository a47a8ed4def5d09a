"""What all of the gateway's endpoints share: settings, Redis, the blob store."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, Request
from redis import Redis

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


async def context_of(request: Request) -> Context:
    """A dependency; like all that do not block, a coroutine: FastAPI runs others in a thread, a tenth of a poll's cost
    each time.
    """
    context: Context = request.app.state.context
    return context


Shared = Annotated[Context, Depends(context_of)]
