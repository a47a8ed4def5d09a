"""The JSON body of POST /v1/jobs: stored assets by id, instead of files."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.assets.schemas import EXAMPLE_IDS, AssetId
from service.jobs.schemas import Priority
from service.webhooks.schemas import HookRequest


class JobRequest(BaseModel):
    """A job on stored assets. The definition stored with a character counts where none is given here.

    Options and definitions are checked with their own parsers, which name what is wrong by field.
    """

    model_config = ConfigDict(extra="forbid")
    motion: AssetId = Field(examples=[EXAMPLE_IDS["motion"]])
    character: AssetId = Field(examples=[EXAMPLE_IDS["character"]])
    source_character: AssetId | None = None
    priority: Priority = Field("normal", description="Among your own jobs; nobody else's wait longer for it.")
    deadline_s: float | None = Field(
        None, gt=0, le=30 * 24 * 3600, description="Expires if it has not started by then."
    )
    options: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    webhook: HookRequest | None = Field(None, description="Who is told of this job.")
    definition: dict[str, Any] | None = None
    source_definition: dict[str, Any] | None = None
