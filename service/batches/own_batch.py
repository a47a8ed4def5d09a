"""Which batch a path means: its id, or the name that its caller gave it with `PUT /v1/batches/{name}`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from service.batches.schemas import BATCH_ID_PATTERN, EXAMPLE_ID
from service.http.own_names import OwnNames
from service.jobs.context import SharedJobs
from service.keys.caller import CallerOf

BATCH_NAMES = OwnNames("named-batch", BATCH_ID_PATTERN, "bat_", "batch_id", "batches")
PathId = Annotated[
    str, Path(description="A batch's id, or the name it was given with PUT.", examples=[EXAMPLE_ID], max_length=64)
]


async def own_batch_id(context: SharedJobs, caller: CallerOf, batch_id: PathId) -> str:
    """The id; a name that is not known stays as it is, and no batch is found by it."""
    return await BATCH_NAMES.id_of(context.redis, caller.id, batch_id)


BatchId = Annotated[str, Depends(own_batch_id)]
