"""What the service answers, as typed data. What a newer service adds is kept (`model_extra`), not refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

FINAL = frozenset({"succeeded", "failed", "canceled", "expired"})


class ServiceError(Exception):
    """The service refused: a stable `code`, one line that says what and the remedy, and the whole problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", "internal"))
        self.problem = problem
        super().__init__(f"{self.code}: {problem.get('detail', f'the service answered {status}')}")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Asset(_Answer):
    """A stored motion or character."""

    id: str
    sha256: str
    bytes: int
    expires_at: datetime


class Artifact(_Answer):
    """A file of a result."""

    name: str
    bytes: int
    sha256: str
    url: str


class Result(_Answer):
    """What came of a job."""

    artifacts: list[Artifact] = Field(default_factory=list)
    verdict: str | None = None
    scores: dict[str, Any] | None = None
    warnings: list[dict[str, Any]] = Field(default_factory=list)


class Job(_Answer):
    """A job."""

    id: str
    status: str
    stage: str | None = None
    progress: float = 0.0
    result: Result | None = None
    error: dict[str, Any] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


class Batch(_Answer):
    """A batch; `counts` has the number of its items by state."""

    id: str
    status: str
    counts: dict[str, int]
    progress: float
    finished_at: datetime | None = None

    @property
    def is_final(self) -> bool:
        return self.finished_at is not None


class Item(_Answer):
    """One motion onto one character of a batch."""

    index: int
    status: str
    motion_name: str
    character_name: str
    job: str | None = None
    verdict: str | None = None
    scores: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    artifacts: list[Artifact] = Field(default_factory=list)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL or self.status == "deleted"
