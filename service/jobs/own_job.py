"""Which job a path means: its id, or the name that its caller gave it with `PUT /v1/jobs/{name}`.

:named:<owner>:<name>    the job's id, as long as records are kept
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Path
from redis import Redis
from redis.client import Pipeline
from starlette.concurrency import run_in_threadpool

from service.jobs.context import SharedJobs
from service.jobs.schemas import JOB_ID_PATTERN
from service.jobs.views import EXAMPLE_ID
from service.keys.caller import CallerOf
from service.records import PREFIX

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
PathId = Annotated[
    str, Path(description="A job's id, or the name it was given with PUT.", examples=[EXAMPLE_ID], max_length=64)
]


async def own_job_id(context: SharedJobs, caller: CallerOf, job_id: PathId) -> str:
    """The id; a name that is not known stays as it is, and no job is found by it."""
    if re.match(JOB_ID_PATTERN, job_id) or not re.match(NAME_PATTERN, job_id):
        return job_id
    found = await run_in_threadpool(job_of_name, context.redis, caller.id, job_id)
    return found or job_id


def job_of_name(redis: Redis, owner: str, name: str) -> str | None:
    found: Any = redis.get(_key(owner, name))
    return None if found is None else str(found.decode())


def name_job(pipeline: Pipeline, owner: str, name: str, job_id: str, kept_s: int) -> None:
    """As part of the transaction that makes the job."""
    pipeline.set(_key(owner, name), job_id, ex=kept_s)


def _key(owner: str, name: str) -> str:
    return f"{PREFIX}:named:{owner}:{name}"


JobId = Annotated[str, Depends(own_job_id)]
