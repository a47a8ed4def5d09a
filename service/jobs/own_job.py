"""Which job a path means: its id, or the name that its caller gave it with `PUT /v1/jobs/{name}`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from service.http.own_names import OwnNames
from service.jobs.context import SharedJobs
from service.jobs.schemas import JOB_ID_PATTERN
from service.jobs.views import EXAMPLE_ID
from service.keys.caller import CallerOf

JOB_NAMES = OwnNames("named", JOB_ID_PATTERN, "job_", "job_id", "jobs")
PathId = Annotated[
    str, Path(description="A job's id, or the name it was given with PUT.", examples=[EXAMPLE_ID], max_length=64)
]


async def own_job_id(context: SharedJobs, caller: CallerOf, job_id: PathId) -> str:
    """The id; a name that is not known stays as it is, and no job is found by it."""
    return await JOB_NAMES.id_of(context.redis, caller.id, job_id)


JobId = Annotated[str, Depends(own_job_id)]
