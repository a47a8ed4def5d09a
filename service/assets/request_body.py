"""The body of POST /v1/motions and /v1/characters in /openapi.json, and the part that takes a stored asset's id."""

from __future__ import annotations

from typing import Any

from service.assets.schemas import ASSET_ID_PATTERN
from service.http.openapi import FILES, multipart_body, schema_reference


def asset_body(kind: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"file": {**FILES, "description": f"The {kind}: one file, several, or one zip."}}
    if kind == "character":
        properties["definition"] = schema_reference("CharacterDefinition")
    return multipart_body(properties, ["file"], [name for name in properties if name != "file"])


def file_or_id(description: str) -> dict[str, Any]:
    """A part that is files or the id of a stored asset."""
    ident = {"type": "string", "pattern": ASSET_ID_PATTERN}
    return {"description": f"{description} Or the id of a stored one.", "anyOf": [FILES, ident]}
