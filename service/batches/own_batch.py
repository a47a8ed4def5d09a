"""Which batch a path means: its id, or the name that its caller gave it with `PUT /v1/batches/{name}`.

:named-batch:<owner>:<name>    the batch's id, as long as records are kept
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Path
from redis import Redis
from redis.client import Pipeline
from starlette.concurrency import run_in_threadpool

from service.batches.schemas import BATCH_ID_PATTERN, EXAMPLE_ID
from service.jobs.context import SharedJobs
from service.jobs.own_job import NAME_PATTERN
from service.keys.caller import CallerOf
from service.records import PREFIX

PathId = Annotated[
    str, Path(description="A batch's id, or the name it was given with PUT.", examples=[EXAMPLE_ID], max_length=64)
]


async def own_batch_id(context: SharedJobs, caller: CallerOf, batch_id: PathId) -> str:
    """The id; a name that is not known stays as it is, and no batch is found by it."""
    if re.match(BATCH_ID_PATTERN, batch_id) or not re.match(NAME_PATTERN, batch_id):
        return batch_id
    return await run_in_threadpool(batch_of_name, context.redis, caller.id, batch_id) or batch_id


def batch_of_name(redis: Redis, owner: str, name: str) -> str | None:
    found: Any = redis.get(_key(owner, name))
    return None if found is None else str(found.decode())


def name_batch(pipeline: Pipeline, owner: str, name: str, batch_id: str, kept_s: int) -> None:
    """As part of the transaction that makes the batch."""
    pipeline.set(_key(owner, name), batch_id, ex=kept_s)


def _key(owner: str, name: str) -> str:
    return f"{PREFIX}:named-batch:{owner}:{name}"


BatchId = Annotated[str, Depends(own_batch_id)]
