"""What HTTP shows of a batch and of its items."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from service.batches.schemas import EXAMPLE_ID, OPEN_STATUSES, BatchRecord, BatchStatus, ItemStatus
from service.http.errors import Problem
from service.jobs.schemas import Priority
from service.jobs.views import EXAMPLE_ID as EXAMPLE_JOB
from service.webhooks.schemas import HookView, hook_view


class BatchCounts(BaseModel):
    """Number of items in each state."""

    total: int = Field(description="All of them.")
    pending: int = Field(description="Not handed in yet.")
    queued: int = Field(description="Waiting for a worker.")
    running: int = Field(description="Being worked on.")
    canceling: int = Field(description="Being stopped.")
    succeeded: int = Field(description="Done.")
    failed: int = Field(description="Ended with an error.")
    canceled: int = Field(description="Stopped.")
    expired: int = Field(description="Not started in time.")


class BatchUrls(BaseModel):
    self: str
    items: str = Field(description="Its items, page by page.")
    worst: str = Field(description="The items that somebody should look at first.")
    results: str = Field(description="One line of JSON for each item.")
    archive: str = Field(description="All results as one zip.")
    cancel: str
    retry: str = Field(description="Where to have what failed done again.")


class BatchView(BaseModel):
    """A batch. It is `completed` when every item has ended, however."""

    id: str = Field(examples=[EXAMPLE_ID])
    object: Literal["batch"] = "batch"
    status: BatchStatus
    counts: BatchCounts = Field(description="Its items by state.")
    progress: float = Field(ge=0, le=1, description="The share of items that have ended.")
    priority: Priority = Field(description="Among its owner's jobs.")
    created_at: datetime
    finished_at: datetime | None
    deadline_at: datetime | None = Field(description="Items that have not started by then expire.")
    motions: list[str] = Field(description="Ids of the motions, each of which goes onto every character.")
    characters: list[str] = Field(description="Ids of the characters.")
    options: dict[str, Any]
    metadata: dict[str, Any]
    webhook: HookView | None = Field(description="Who is told when it has ended.")
    urls: BatchUrls


class BatchPage(BaseModel):
    """Batches, newest first; `next_cursor` fetches the page after this one and is null on the last."""

    object: Literal["list"] = "list"
    data: list[BatchView]
    next_cursor: str | None


class ItemArtifact(BaseModel):
    """A file of an item's result."""

    name: str = Field(examples=["result.glb"])
    bytes: int
    sha256: str
    url: str


class ItemView(BaseModel):
    """One motion onto one character."""

    index: int = Field(description="Its number in the batch, from 0.")
    object: Literal["batch-item"] = "batch-item"
    motion: str = Field(description="Id of the stored motion.")
    motion_name: str = Field(description="The motion's file name.", examples=["walk.bvh"])
    character: str = Field(description="Id of the stored character.")
    character_name: str = Field(description="The character's file name.", examples=["character.glb"])
    status: ItemStatus
    job: str | None = Field(description="Its job, once it has become one.", examples=[EXAMPLE_JOB])
    verdict: Literal["pass", "review", "fail"] | None
    scores: dict[str, Any] | None
    warnings: list[dict[str, Any]]
    error: Problem | None
    metadata: dict[str, Any]
    artifacts: list[ItemArtifact]


class ItemPage(BaseModel):
    """Items in their order; `next_cursor` fetches the page after this one and is null on the last."""

    object: Literal["list"] = "list"
    data: list[ItemView]
    next_cursor: str | None


class WorstItems(BaseModel):
    """Items that somebody should look at, the worst first: those that failed, then by verdict, then by score."""

    object: Literal["list"] = "list"
    data: list[ItemView]


class RetryAnswer(BaseModel):
    """What is done again."""

    items: int = Field(description="How many items are done again.")
    batch: BatchView = Field(description="The batch as it is now.")


def batch_url(batch_id: str) -> str:
    return f"/v1/batches/{batch_id}"


def batch_view(record: BatchRecord, counts: dict[str, int]) -> BatchView:
    url = batch_url(record.id)
    ended = record.total - sum(counts[name] for name in OPEN_STATUSES)
    return BatchView(
        id=record.id,
        status=record.status,
        counts=BatchCounts(total=record.total, **counts),
        progress=min(max(ended / record.total, 0.0), 1.0),
        priority=record.priority,
        created_at=record.created_at,
        finished_at=record.finished_at,
        deadline_at=record.deadline_at,
        motions=record.plan.motions,
        characters=record.plan.characters,
        options=record.options,
        metadata=record.metadata,
        webhook=hook_view(record.webhook),
        urls=BatchUrls(
            self=url,
            items=f"{url}/items",
            worst=f"{url}/worst",
            results=f"{url}/results.jsonl",
            archive=f"{url}/results.zip",
            cancel=f"{url}/cancel",
            retry=f"{url}/retry",
        ),
    )


def batch_tag(record: BatchRecord, counts: dict[str, int]) -> str:
    text = f"{record.id} {record.status} {sorted(counts.items())}"
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
