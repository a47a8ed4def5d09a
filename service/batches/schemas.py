"""Batches: what a request says, and what Redis holds of one.

States: running -> completed; running -> canceling -> canceled; a retry makes a completed one run again. An item is
`pending` until it has become a job, and has its job's state from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.assets.schemas import EXAMPLE_IDS, AssetId
from service.files.input_file import InputFile
from service.jobs.schemas import DEADLINE_MAX_S, JobStatus, Priority
from service.records import new_id, utc_now
from service.webhooks.schemas import HookRequest

BATCH_ID_PATTERN = r"^bat_[0-9A-HJKMNP-TV-Z]{26}$"
EXAMPLE_ID = "bat_01M831Q7C12DE6641ZPZXZST9S"
BatchStatus = Literal["running", "completed", "canceling", "canceled"]
ItemStatus = Literal["pending", JobStatus, "deleted"]
COUNTED: tuple[str, ...] = ("pending", *get_args(JobStatus))
OPEN_STATUSES = ("pending", "queued", "running", "canceling")


class PairRequest(BaseModel):
    """One item: a motion onto a character, by the ids of stored files."""

    model_config = ConfigDict(extra="forbid")
    motion: AssetId = Field(description="Id of the stored motion.", examples=[EXAMPLE_IDS["motion"]])
    character: AssetId = Field(description="Id of the stored character.", examples=[EXAMPLE_IDS["character"]])
    source_character: AssetId | None = Field(None, description="Id of the character the motion was made on.")
    options: dict[str, Any] = Field(default_factory=dict, description="Over the batch's own.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Over the batch's own.")


class BatchRequest(BaseModel):
    """Every motion onto every character, or the pairs that are named."""

    model_config = ConfigDict(extra="forbid")
    motions: list[AssetId] = Field(
        default_factory=list, description="Ids of stored motions.", examples=[[EXAMPLE_IDS["motion"]]]
    )
    characters: list[AssetId] = Field(
        default_factory=list, description="Ids of stored characters.", examples=[[EXAMPLE_IDS["character"]]]
    )
    pairs: list[PairRequest] = Field(default_factory=list, description="In place of motions and characters.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of every job.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Kept, and given to every job.")
    priority: Priority = Field("low", description="Among your own jobs: `low` lets single ones go before.")
    deadline_s: float | None = Field(
        None, gt=0, le=DEADLINE_MAX_S, description="Items that have not started by then expire."
    )
    webhook: HookRequest | None = Field(None, description="Who is told when the batch has ended.")

    @model_validator(mode="after")
    def _is_one_of_both(self) -> BatchRequest:
        if bool(self.pairs) == bool(self.motions and self.characters) or (
            self.pairs and self.motions + self.characters
        ):
            raise ValueError("either motions and characters, or pairs")
        for name, ids in (("motions", self.motions), ("characters", self.characters)):
            if len(set(ids)) < len(ids):
                raise ValueError(f"{name} names one file twice")
        return self

    @property
    def total(self) -> int:
        return len(self.pairs) or len(self.motions) * len(self.characters)


class HeldAsset(BaseModel):
    """What a batch needs of a stored asset, which may be deleted meanwhile."""

    model_config = ConfigDict(frozen=True)
    files: list[InputFile]
    definition: str | None = None


@dataclass(frozen=True)
class Item:
    """What is to be done for one item: ids of assets, and what it has beside the batch's own."""

    motion: str
    character: str
    source_character: str | None
    options: dict[str, Any]
    metadata: dict[str, Any]


class Plan(BaseModel):
    """Which items a batch has."""

    motions: list[str] = Field(default_factory=list)
    characters: list[str] = Field(default_factory=list)
    pairs: list[PairRequest] = Field(default_factory=list)

    def item(self, index: int) -> Item:
        if not self.pairs:
            motion, character = divmod(index, len(self.characters))
            return Item(self.motions[motion], self.characters[character], None, {}, {})
        pair = self.pairs[index]
        return Item(pair.motion, pair.character, pair.source_character, pair.options, pair.metadata)


class BatchRecord(BaseModel):
    """The truth about one batch, but for its counts and the ids of its jobs."""

    id: Annotated[str, Field(pattern=BATCH_ID_PATTERN)] = Field(default_factory=lambda: new_id("bat_"))
    owner: str = ""
    status: BatchStatus = "running"
    total: int
    fed: int = 0  # items before this one have become jobs
    unmade: Literal["pending", "canceled", "expired"] = "pending"  # the state of items that never became jobs
    created_at: datetime = Field(default_factory=utc_now)
    finished_at: datetime | None = None
    deadline_at: datetime | None = None
    priority: Priority = "low"
    holds_inputs: bool = True  # its uploads are held for it, so items can be done again
    record_ttl_s: int = 30 * 24 * 3600
    input_ttl_s: int = 24 * 3600
    plan: Plan = Field(default_factory=Plan)
    assets: dict[str, HeldAsset] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    webhook: dict[str, Any] | None = None

    def blobs(self) -> set[str]:
        """Keys of all uploads that its items read."""
        return {entry.blob for asset in self.assets.values() for entry in asset.files}
