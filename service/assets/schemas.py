"""Assets: uploads that are kept and reused by id. What Redis holds of one, and what HTTP shows of it.

An id is made from what the asset holds (kind, file names, contents, definition), so the same upload is the same asset.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.files.input_file import InputFile
from service.records import id_of

AssetKind = Literal["motion", "character"]
ID_PREFIXES: dict[AssetKind, str] = {"motion": "mot_", "character": "chr_"}
COLLECTIONS: dict[AssetKind, str] = {"motion": "motions", "character": "characters"}
ASSET_ID_PATTERN = r"^(mot|chr)_[0-9A-HJKMNP-TV-Z]{26}$"
EXAMPLE_IDS: dict[AssetKind, str] = {
    "motion": "mot_01M831Q7C12DE6641ZPZXZST9S",
    "character": "chr_01M831Q7C12DE6641ZPZXZST9S",
}
AssetId = Annotated[str, Field(pattern=ASSET_ID_PATTERN)]


class AssetRecord(BaseModel):
    """`files` as in a job's input; `definition` is JSON text, of a character only."""

    model_config = ConfigDict(frozen=True)
    id: AssetId
    kind: AssetKind
    owner: str = ""  # id of the key that stored it; empty where no keys are asked for
    files: list[InputFile]
    definition: str | None = None
    created_at: datetime
    expires_at: datetime


class AssetFileView(BaseModel):
    name: str
    sha256: str
    bytes: int


class AssetView(BaseModel):
    """A stored asset. `sha256` is that of its one file, or of the list of its files' names and hashes."""

    id: str = Field(examples=list(EXAMPLE_IDS.values()))
    object: AssetKind
    sha256: str
    bytes: int
    files: list[AssetFileView]
    definition: dict[str, Any] | None
    created_at: datetime
    expires_at: datetime = Field(description="When it is removed; every use puts it off.")
    url: str


class AssetPage(BaseModel):
    """Assets, newest first; `next_cursor` fetches the page after this one and is null on the last."""

    object: Literal["list"] = "list"
    data: list[AssetView]
    next_cursor: str | None


def asset_id(kind: AssetKind, files: Sequence[tuple[str, str]], definition: str | None, owner: str = "") -> str:
    """The id of what consists of these (name, sha256) files; another one for each owner."""
    content = json.dumps([kind, list(files), definition, *([owner] if owner else [])], ensure_ascii=True)
    return id_of(ID_PREFIXES[kind], int.from_bytes(hashlib.sha256(content.encode()).digest()[:17], "big"))


def asset_url(record: AssetRecord) -> str:
    return f"/v1/{COLLECTIONS[record.kind]}/{record.id}"


def asset_view(record: AssetRecord) -> AssetView:
    files = [AssetFileView(name=entry.name, sha256=entry.sha256, bytes=entry.bytes) for entry in record.files]
    listed = json.dumps([[entry.name, entry.sha256] for entry in files], ensure_ascii=True).encode()
    return AssetView(
        id=record.id,
        object=record.kind,
        sha256=files[0].sha256 if len(files) == 1 else hashlib.sha256(listed).hexdigest(),
        bytes=sum(entry.bytes for entry in files),
        files=files,
        definition=None if record.definition is None else json.loads(record.definition),
        created_at=record.created_at,
        expires_at=record.expires_at,
        url=asset_url(record),
    )
