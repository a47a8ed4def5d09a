"""Mapping presets: what a request says, what Redis holds, what HTTP shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.assets.schemas import EXAMPLE_IDS, AssetId
from workers.contract.options import JointChoice
from workers.contract.roles import ALL_ROLES

PRESET_ID_PATTERN = r"^map_[0-9A-HJKMNP-TV-Z]{26}$"
EXAMPLE_ID = "map_01M831Q7C12DE6641ZPZXZST9S"
FINGERPRINT_PATTERN = r"^skl_[0-9a-f]{32}$"
Fingerprint = Annotated[str, Field(pattern=FINGERPRINT_PATTERN)]
# motion: for sources only, character: for targets only, any: for both.
PresetKind = Literal["motion", "character", "any"]


class MappingRequest(BaseModel):
    """A preset for the skeleton of `fingerprint`, of the stored `asset`, or of the file that comes with the request.

    With a file or an asset the joints are checked, and without `mapping` the one found in it is kept.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200)
    kind: PresetKind = "any"
    fingerprint: Fingerprint | None = None
    asset: AssetId | None = Field(None, examples=[EXAMPLE_IDS["character"]])
    mapping: dict[str, JointChoice] | None = Field(
        None, description='Role -> joint name, {"index": n} for a joint without a name of its own, or null.'
    )

    @field_validator("mapping")
    @classmethod
    def _roles_exist(cls, value: dict[str, JointChoice] | None) -> dict[str, JointChoice] | None:
        unknown = next((role for role in value or () if role not in ALL_ROLES), None)
        if unknown is not None:
            raise ValueError(f"unknown role {unknown[:60]!r}; roles are VRM 1.0 humanoid bone names")
        if value is not None and not value:
            raise ValueError("an empty mapping says nothing; name at least one role")
        return value


class PresetRecord(BaseModel):
    """A stored preset."""

    model_config = ConfigDict(frozen=True)
    id: Annotated[str, Field(pattern=PRESET_ID_PATTERN)]
    name: str
    kind: PresetKind
    fingerprint: Fingerprint
    mapping: dict[str, JointChoice]
    created_at: datetime


class PresetView(BaseModel):
    """A preset. A job whose skeleton has its fingerprint uses it; of several the newest."""

    id: str = Field(examples=[EXAMPLE_ID])
    object: Literal["mapping"] = "mapping"
    name: str
    kind: PresetKind
    fingerprint: str
    mapping: dict[str, Any]
    created_at: datetime
    url: str


class PresetPage(BaseModel):
    """Presets, newest first; `next_cursor` fetches the page after this one and is null on the last."""

    object: Literal["list"] = "list"
    data: list[PresetView]
    next_cursor: str | None


def preset_url(preset_id: str) -> str:
    return f"/v1/mappings/{preset_id}"


def preset_view(record: PresetRecord) -> PresetView:
    return PresetView(url=preset_url(record.id), **record.model_dump(mode="json"))
