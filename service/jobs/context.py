"""What the endpoints of jobs, and of all that makes jobs, share beyond `service.http.context`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request

from service.http.context import Context, context_of
from service.jobs.changes import Changes
from service.jobs.store import JobStore


class Presets(Protocol):
    """Finds mapping presets. `service.mappings.store` has them; it lies above the jobs, which only ask for them."""

    def find(self, preset_id: str) -> object | None: ...

    def ids(self) -> list[str]: ...


@dataclass(frozen=True)
class JobContext(Context):
    store: JobStore
    changes: Changes
    presets: Callable[[str], Presets]  # those of an owner


async def job_context_of(request: Request) -> JobContext:
    context = await context_of(request)
    assert isinstance(context, JobContext)
    return context


SharedJobs = Annotated[JobContext, Depends(job_context_of)]
