"""What FastAPI cannot derive for /openapi.json: multipart bodies read as a stream, error answers, runnable examples.

Each operation's `x-codeSamples` is one curl command against `$URL`; the tests run every one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from service.assets.schemas import ASSET_ID_PATTERN
from service.http.errors import MEDIA_TYPE, Problem, problem
from service.jobs.job_request import JobRequest
from service.mappings.schemas import MappingRequest
from workers.contract.definitions import CharacterDefinition
from workers.contract.errors import InternalError, InvalidRequest, RetargetError, Unavailable
from workers.contract.options import JobOptions
from workers.formats.registry import character_formats, motion_formats, scene_formats
from workers.formats.wording import skeleton_files, uploads

Responses = dict[int | str, dict[str, Any]]

_DEFINITION = {"$ref": "#/components/schemas/CharacterDefinition"}
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
    """Request body of POST /v1/jobs: files and ids, or JSON with ids alone."""
    skeleton = f"a bare skeleton as {skeleton_files()}"
    body = _multipart(
        {
            "motion": _file_or_id(f"The motion: {uploads(motion_formats())} or as one zip."),
            "character": _file_or_id(f"The target: {uploads(character_formats(), skeleton)}."),
            "source_character": _file_or_id("The character the motion was made on, where known."),
            "options": {"$ref": "#/components/schemas/JobOptions"},
            "definition": _DEFINITION,
            "source_definition": _DEFINITION,
            "metadata": {"type": "object", "description": "Kept and given back with the job."},
        },
        required=["motion", "character"],
        json_parts=["options", "definition", "source_definition", "metadata"],
    )
    body["requestBody"]["content"]["application/json"] = {"schema": {"$ref": "#/components/schemas/JobRequest"}}
    return body


def asset_body(kind: str) -> dict[str, Any]:
    """Request body of POST /v1/motions and /v1/characters."""
    properties: dict[str, Any] = {"file": {**_FILES, "description": f"The {kind}: one file, several, or one zip."}}
    if kind == "character":
        properties["definition"] = _DEFINITION
    return _multipart(properties, ["file"], [name for name in properties if name != "file"])


def mapping_body() -> dict[str, Any]:
    """Request body of POST /v1/mappings."""
    body = _multipart(
        {
            "file": _file_or_id("A file with the skeleton, or the id of a stored asset."),
            "preset": {"$ref": "#/components/schemas/MappingRequest"},
        },
        ["file", "preset"],
        ["preset"],
    )
    body["requestBody"]["content"]["application/json"] = {"schema": {"$ref": "#/components/schemas/MappingRequest"}}
    return body


def inspect_body() -> dict[str, Any]:
    """Request body of POST /v1/inspect."""
    return _multipart(
        {
            "file": _file_or_id(f"{uploads(scene_formats())} or as one zip."),
            "definition": _DEFINITION,
            "options": {"$ref": "#/components/schemas/JobOptions"},
        },
        ["file"],
        ["definition", "options"],
    )


def curl(*commands: str) -> list[dict[str, str]]:
    """`x-codeSamples`, one shell command each; `$URL` is the address of the service, `$JOB` and its like are ids."""
    return [{"lang": "Shell", "label": "curl", "source": command} for command in commands]


def add_schemas(schema: dict[str, Any]) -> None:
    """Add the models that no endpoint has as its own: those whose part or body is streamed, and Problem."""
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for model in (JobOptions, CharacterDefinition, JobRequest, MappingRequest, Problem):
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(own.pop("$defs", {}))
        components[model.__name__] = own
    parts = components[JobRequest.__name__]["properties"]
    parts |= {"options": {"$ref": "#/components/schemas/JobOptions"}, "definition": _DEFINITION}
    parts["source_definition"] = _DEFINITION


def _file_or_id(description: str) -> dict[str, Any]:
    ident = {"type": "string", "pattern": ASSET_ID_PATTERN}
    return {"description": f"{description} Or the id of a stored one.", "anyOf": [_FILES, ident]}


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
