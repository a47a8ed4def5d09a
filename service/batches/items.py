"""An item of a batch with its job: pages of them, all of them one by one, and the table of the worst. Blocking.

Items are read some hundred at a time, so a batch of any size takes the same memory.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from service.batches.schemas import BatchRecord
from service.batches.store import PAGE, BatchStore
from service.batches.views import ItemArtifact, ItemView
from service.http.errors import problem
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.jobs.views import job_url
from workers.contract.errors import RetargetError

_VERDICTS = {"fail": 3, "review": 2, None: 1, "pass": 0}


class Items:
    """The items of one batch."""

    def __init__(self, jobs: JobStore, record: BatchRecord) -> None:
        self._jobs = jobs
        self._store = BatchStore(jobs.redis)
        self._batch = record

    def between(self, start: int, stop: int) -> list[tuple[ItemView, JobRecord | None]]:
        """Items `start` up to, not including, `stop`, with their jobs as far as there are any."""
        stop = min(stop, self._batch.total)
        names = self._store.job_ids(self._batch.id, start, stop)
        found = {job.id: job for job in self._jobs.get_many([name for name in names if not name.startswith("~")])}
        return [self._item(index, names[index - start] if index - start < len(names) else None, found)
                for index in range(start, stop)]  # fmt: skip

    def all(self) -> Iterator[tuple[ItemView, JobRecord | None]]:
        for start in range(0, self._batch.total, PAGE):
            yield from self.between(start, start + PAGE)

    def page(self, limit: int, start: int, status: str | None) -> tuple[list[ItemView], int | None]:
        """Up to `limit` items from number `start` on, and the number to go on at."""
        found: list[ItemView] = []
        while start < self._batch.total:
            for item, _ in self.between(start, start + (limit if status is None else PAGE)):
                if len(found) == limit:
                    return found, item.index
                if status in (None, item.status):
                    found.append(item)
                start = item.index + 1
        return found, None

    def worst(self, limit: int) -> list[ItemView]:
        """Those that somebody should look at first."""
        ended = (item for item, _ in self.all() if item.status in ("succeeded", "failed", "expired"))
        return heapq.nlargest(limit, ended, key=badness)

    def _item(self, index: int, name: str | None, found: dict[str, JobRecord]) -> tuple[ItemView, JobRecord | None]:
        batch, plan = self._batch, self._batch.plan.item(index)
        is_made = name is not None and not name.startswith("~")
        job = found.get(name or "")
        result = job.result if job is not None else None
        status = job.status if job is not None else "deleted" if is_made else batch.unmade
        view = ItemView(
            index=index,
            motion=plan.motion,
            motion_name=batch.assets[plan.motion].files[0].name,
            character=plan.character,
            character_name=batch.assets[plan.character].files[0].name,
            status=status,
            job=name if is_made else None,
            verdict=result.verdict if result else None,
            scores=result.scores if result else None,
            warnings=result.warnings if result else [],
            error=problem(RetargetError.from_dict(job.error)) if job is not None and job.error else None,
            metadata={**batch.metadata, **plan.metadata},
            artifacts=[
                ItemArtifact(
                    name=entry.name,
                    bytes=entry.bytes,
                    sha256=entry.sha256,
                    url=f"{job_url(name or '')}/artifacts/{entry.name}",
                )
                for entry in (result.artifacts if result is not None else [])
            ],
        )
        return view, job


def badness(item: ItemView) -> tuple[int, float, int]:
    """Failed items are worst; then the verdict; among equal ones the meaning that was kept least, then the order."""
    if item.status != "succeeded":
        return 4, 0.0, -item.index
    return _VERDICTS[item.verdict], -_meaning(item.scores or {}), -item.index


def _meaning(scores: dict[str, Any]) -> float:
    """How much of the meaning was kept, 0 to 1, calibrated where it is; 1 where nothing tells."""
    found = scores.get("semantic_similarity") or {}
    value = found.get("calibrated") if found.get("calibrated") is not None else found.get("raw")
    return 1.0 if value is None else float(value)
