"""What FastAPI cannot derive for /openapi.json: multipart bodies read as a stream, error answers, runnable examples.

Which parts a body has is said by each noun's own `request_body`. Each operation's `x-codeSamples` is one curl command
against `$URL`; the tests run every one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from service.http.errors import MEDIA_TYPE, problem
from workers.contract.errors import (
    Forbidden,
    InternalError,
    InvalidRequest,
    RateLimited,
    RetargetError,
    Unauthorized,
    Unavailable,
)

Responses = dict[int | str, dict[str, Any]]

COMMON: list[type[RetargetError]] = [
    InvalidRequest,
    Unauthorized,
    Forbidden,
    RateLimited,
    Unavailable,
    InternalError,
]
FILES = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}


def error_responses(*kinds: type[RetargetError]) -> Responses:
    """The `responses` of an operation that can end in these errors, and in those that any can end in."""
    by_status: defaultdict[int, list[type[RetargetError]]] = defaultdict(list)
    all_kinds: list[type[RetargetError]] = [*kinds, *COMMON]
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


def curl(*commands: str) -> list[dict[str, str]]:
    """`x-codeSamples`, one shell command each; `$URL` is the address of the service, `$JOB` and its like are ids."""
    return [{"lang": "Shell", "label": "curl", "source": command} for command in commands]


def add_schemas(schema: dict[str, Any], models: Sequence[type[BaseModel]]) -> None:
    """Add models that FastAPI does not find in the endpoints' signatures."""
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for model in models:
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(own.pop("$defs", {}))
        components[model.__name__] = own


def add_security(schema: dict[str, Any]) -> None:
    """A key in the Authorization header, which a service that listens on one machine alone does not ask for."""
    text = "A key that `retarget keys create` has made. Not asked for where only the same machine can call."
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": text}}
    schema["security"] = [{}, {"key": []}]


def schema_reference(name: str) -> dict[str, str]:
    """The schema of one of the document's models."""
    return {"$ref": f"#/components/schemas/{name}"}


def multipart_body(
    properties: Mapping[str, Any], required: Sequence[str], json_parts: Sequence[str] = ()
) -> dict[str, Any]:
    """The request body of an operation that takes multipart/form-data; `json_parts` are JSON documents."""
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


def or_json(body: dict[str, Any], model: str) -> dict[str, Any]:
    """A request body that may also be sent as JSON of this model."""
    body["requestBody"]["content"]["application/json"] = {"schema": schema_reference(model)}
    return body
