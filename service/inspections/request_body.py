"""The body of POST /v1/inspect in /openapi.json."""

from __future__ import annotations

from typing import Any

from service.assets.request_body import file_or_id
from service.http.openapi import multipart_body, schema_reference
from workers.formats.registry import scene_formats
from workers.formats.wording import uploads


def inspect_body() -> dict[str, Any]:
    return multipart_body(
        {
            "file": file_or_id(f"{uploads(scene_formats())} or as one zip."),
            "definition": schema_reference("CharacterDefinition"),
            "options": schema_reference("JobOptions"),
        },
        ["file"],
        ["definition", "options"],
    )
