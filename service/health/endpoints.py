"""/healthz: the process answers. /readyz: it can take jobs: Redis answers, blobs can be written, the disk has room."""

from __future__ import annotations

import logging
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from redis.exceptions import RedisError
from starlette.responses import JSONResponse

from service.context import VERSION, Context, Shared
from service.jobs.queue import QUEUE_OF_KIND
from service.openapi import curl
from workers.errors import Unavailable

router = APIRouter(tags=["health"])
logger = logging.getLogger(__name__)


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str = VERSION


class Check(BaseModel):
    ok: bool
    detail: str | None = None


class Readiness(BaseModel):
    """`checks` decide; `queued` and `workers` (by queue) inform: a gateway is ready without a worker."""

    status: Literal["ready", "not-ready"]
    version: str = VERSION
    checks: dict[str, Check]
    queued: int | None = None
    workers: dict[str, int] | None = None


@router.get("/healthz", summary="Alive", openapi_extra={"x-codeSamples": curl('curl -sS "$URL/healthz"')})
async def healthz() -> Health:
    return Health()


@router.get(
    "/readyz",
    response_model=Readiness,
    summary="Ready to take jobs",
    responses={503: {"model": Readiness, "description": "Not ready; `checks` says why"}},
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/readyz"')},
)
def readyz(context: Shared) -> Response:
    checks = {"redis": _check_redis(context), "blobs": _check_blobs(context), "disk": _check_disk(context)}
    ready = all(check.ok for check in checks.values())
    answer = Readiness(status="ready" if ready else "not-ready", checks=checks)
    if checks["redis"].ok:
        answer.queued = context.store.queue_depth()
        answer.workers = {name: context.store.worker_count(name) for name in QUEUE_OF_KIND.values()}
    body: dict[str, Any] = answer.model_dump(mode="json")
    return JSONResponse(body, 200 if ready else 503, {} if ready else {"Retry-After": "5"})


def _check_redis(context: Context) -> Check:
    try:
        context.store.redis.ping()
    except (RedisError, OSError) as error:
        logger.warning("not ready: Redis: %s", error)
        return Check(ok=False, detail="Redis does not answer")
    return Check(ok=True)


def _check_blobs(context: Context) -> Check:
    try:
        context.blobs.check_writable()
    except Exception as error:  # whatever the file system behind the URL raises
        logger.warning("not ready: blobs: %s", error)
        return Check(ok=False, detail="the blob store cannot be written")
    return Check(ok=True)


def _check_disk(context: Context) -> Check:
    try:
        context.blobs.check_free_disk(context.settings.min_free_disk_ratio)
    except (Unavailable, OSError) as error:
        return Check(ok=False, detail=str(error))
    return Check(ok=True)
