"""/healthz: the process answers. /readyz: it can take jobs: Redis answers, blobs can be written, the disk has room."""

from __future__ import annotations

import logging
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from redis.exceptions import RedisError

from service.http.context import VERSION, Context
from service.http.openapi import curl, error_responses
from service.jobs.context import SharedJobs
from service.jobs.queue import QUEUE_OF_KIND
from service.jobs.registry import Abilities, registered
from workers.contract.errors import Unavailable

router = APIRouter(tags=["health"])
logger = logging.getLogger(__name__)


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str = VERSION


class Check(BaseModel):
    ok: bool
    detail: str | None = None


class Readiness(BaseModel):
    """`checks` decide; the rest informs: a gateway is ready without a worker. `workers` counts them by queue,
    `abilities` lists what each can do.
    """

    status: Literal["ready"] = "ready"
    version: str = VERSION
    checks: dict[str, Check]
    queued: int
    workers: dict[str, int]
    abilities: dict[str, Abilities]


@router.get(
    "/healthz",
    summary="Alive",
    responses=error_responses(),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/healthz"')},
)
async def healthz() -> Health:
    return Health()


@router.get(
    "/readyz",
    summary="Ready to take jobs",
    responses=error_responses(),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/readyz"')},
)
def readyz(context: SharedJobs) -> Readiness:
    """503 `unavailable` with the same `checks` where it is not ready."""
    checks = {"redis": _check_redis(context), "blobs": _check_blobs(context), "disk": _check_disk(context)}
    wrong = [check.detail for check in checks.values() if check.detail]
    if wrong:
        raise Unavailable(
            f"not ready: {'; '.join(wrong)}",
            checks={name: check.model_dump() for name, check in checks.items()},
        )
    workers = {name: context.store.worker_count(name) for name in QUEUE_OF_KIND.values()}
    return Readiness(
        checks=checks, queued=context.store.queue_depth(), workers=workers, abilities=registered(context.redis)
    )


def _check_redis(context: Context) -> Check:
    try:
        context.redis.ping()
    except (RedisError, OSError) as error:
        logger.warning("not ready: Redis: %s", error)
        return Check(ok=False, detail="Redis does not answer")
    return Check(ok=True)


def _check_blobs(context: Context) -> Check:
    try:
        context.marker.check()
        context.blobs.check_writable()
    except Unavailable as error:
        return Check(ok=False, detail=error.detail)
    except Exception as error:  # whatever Redis or the file system behind the URL raises
        logger.warning("not ready: blobs: %s", error)
        return Check(ok=False, detail="the blob store cannot be used")
    return Check(ok=True)


def _check_disk(context: Context) -> Check:
    try:
        context.blobs.check_free_disk(context.settings.min_free_disk_ratio)
    except (Unavailable, OSError) as error:
        return Check(ok=False, detail=str(error))
    return Check(ok=True)
