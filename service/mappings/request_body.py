"""The body of POST /v1/mappings in /openapi.json: a file or an id with a preset, or the preset alone as JSON."""

from __future__ import annotations

from typing import Any

from service.assets.request_body import file_or_id
from service.http.openapi import multipart_body, or_json, schema_reference


def mapping_body() -> dict[str, Any]:
    body = multipart_body(
        {
            "file": file_or_id("A file with the skeleton, or the id of a stored asset."),
            "preset": schema_reference("MappingRequest"),
        },
        ["file", "preset"],
        ["preset"],
    )
    return or_json(body, "MappingRequest")
