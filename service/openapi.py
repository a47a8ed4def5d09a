"""What FastAPI cannot derive for /openapi.json: multipart bodies read as a stream, error answers, runnable examples.

Each operation's `x-codeSamples` is one curl command against `$URL`; the tests run every one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from service.errors import MEDIA_TYPE, Problem, problem
from workers.errors import InternalError, InvalidRequest, RetargetError, Unavailable
from workers.options import JobOptions

Responses = dict[int | str, dict[str, Any]]

_FILES = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}


def error_responses(*kinds: type[RetargetError]) -> Responses:
    """The `responses` of an operation that can end in these errors, and in the three that any can end in."""
    by_status: defaultdict[int, list[type[RetargetError]]] = defaultdict(list)
    all_kinds: list[type[RetargetError]] = [*kinds, InvalidRequest, Unavailable, InternalError]
    for kind in all_kinds:
        by_status[kind.status].append(kind)
    return {
        status: {
            "description": " or ".join(f"`{kind.code}`: {kind.title}" for kind in dict.fromkeys(members)),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {
                        kind.code: {"value": problem(kind(kind.title), request_id="req_1").model_dump(mode="json")}
                        for kind in members
                    },
                }
            },
        }
        for status, members in by_status.items()
    }


def job_body() -> dict[str, Any]:
    """Request body of POST /v1/jobs."""
    return _multipart(
        {
            "motion": {**_FILES, "description": "The motion: BVH, GLB, or glTF with its files or as one zip."},
            "character": {**_FILES, "description": "The target: GLB, or glTF with its files or as one zip."},
            "source_character": {**_FILES, "description": "The character the motion was made on, where known."},
            "options": {"$ref": "#/components/schemas/JobOptions"},
            "metadata": {"type": "object", "description": "Kept and given back with the job."},
        },
        required=["motion", "character"],
        json_parts=["options", "metadata"],
    )


def inspect_body() -> dict[str, Any]:
    """Request body of POST /v1/inspect."""
    return _multipart({"file": {**_FILES, "description": "BVH, GLB, or glTF with its files or as one zip."}}, ["file"])


def curl(command: str) -> list[dict[str, str]]:
    """`x-codeSamples` with one shell command; `$URL` is the address of the service."""
    return [{"lang": "Shell", "label": "curl", "source": command}]


def add_schemas(schema: dict[str, Any]) -> None:
    """Add the models that no endpoint has as its own: JobOptions, whose part is streamed, and Problem."""
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for model in (JobOptions, Problem):
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(own.pop("$defs", {}))
        components[model.__name__] = own


def _multipart(
    properties: Mapping[str, Any], required: Sequence[str], json_parts: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {"type": "object", "properties": dict(properties), "required": list(required)},
                    "encoding": {part: {"contentType": "application/json"} for part in json_parts},
                }
            },
        }
    }
