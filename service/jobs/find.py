"""Finding jobs: by kind, state, time, and what their caller wrote into their metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.jobs.schemas import JobKind, JobRecord, JobStatus
from service.jobs.store import JobStore
from workers.contract.errors import InvalidRequest

SCANNED_MAX = 1000  # records that one page of a search through metadata looks at


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are asked for. `metadata` holds `KEY:TEXT`."""

    kind: JobKind
    status: JobStatus | None = None
    owner: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: list[str] = field(default_factory=list)


def written_as_a_time(value: Any) -> Any:
    """A validator before pydantic's own, which takes a bare number for seconds since the epoch. Raises ValueError."""
    if not isinstance(value, str) or "-" not in value[1:]:
        raise ValueError("must be a time as RFC 3339 has it, such as 2026-11-30T12:00:00Z")
    return value


def find_jobs(store: JobStore, wanted: JobFilter, limit: int, cursor: str | None) -> tuple[list[JobRecord], str | None]:
    """Up to `limit` jobs, newest first, and the cursor of the next page. Raises InvalidRequest."""
    pairs = [_pair(text) for text in wanted.metadata]
    found: list[JobRecord] = []
    scanned = 0
    while True:
        page, following = store.page(
            kind=wanted.kind,
            status=wanted.status,
            limit=limit if not pairs else 100,
            cursor=cursor,
            owner=wanted.owner,
            created_after=wanted.created_after,
            created_before=wanted.created_before,
        )
        for record in page:
            if all(_matches(record, key, text) for key, text in pairs):
                found.append(record)
                if len(found) == limit and (record is not page[-1] or following is not None):
                    return found, record.id
        scanned += len(page)
        if following is None or not pairs or scanned >= SCANNED_MAX:
            return found, following
        cursor = following


def _matches(record: JobRecord, key: str, text: str) -> bool:
    value = record.metadata.get(key)
    if isinstance(value, dict | list) or key not in record.metadata:
        return False
    return (value if isinstance(value, str) else json.dumps(value)) == text


def _pair(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not key or not colon:
        raise _wrong("metadata", "must be KEY:TEXT, such as shot:sc012")
    return key, value


def _wrong(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{name} {message}", errors=[{"pointer": f"/query/{name}", "message": message}])
