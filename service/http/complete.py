"""What makes /openapi.json whole: a text for every property, the shape of reports, an example of every good answer.

Texts stand with their fields where they say something of their own; here are those that are the same wherever a name
comes up. Examples are made from the schemas, from the examples and defaults of their fields, so that they always fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEPTH_MAX = 8
MOMENT = "2026-11-30T12:00:00Z"

TEXTS: Mapping[str, str] = {
    "abilities": "What each worker that lives can do, by its name.",
    "artifacts": "The files of the result.",
    "asset": "Id of a stored motion or character whose skeleton is meant.",
    "assets": "Ids of the stored files that were used, by part.",
    "available": "Whether a job can have it now.",
    "bytes": "Size in bytes.",
    "cancel": "Where to cancel it.",
    "cancel_requested": "Whether somebody asked to cancel it.",
    "character": "The target character.",
    "checks": "What was looked at; each has to be ok.",
    "clip": "A clip by name or index.",
    "code": "The stable code of the error.",
    "cpu": "Type of number on the CPU.",
    "created_at": "When it was made.",
    "cuda": "Type of number on CUDA.",
    "cuda_recommended": "Whether it is slow without a GPU.",
    "data": "The entries of this page.",
    "definition": "What was said about the character's rig.",
    "description": "What it is, in words.",
    "detail": "What, where, and the remedy, in one line.",
    "engine": "Version and, once it ran, method.",
    "error": "Why it failed or expired; null otherwise.",
    "errors": "Each field that is wrong.",
    "events": "Where to follow it.",
    "expires_at": "When it is removed.",
    "file": "The file that was inspected.",
    "files": "The files that it consists of.",
    "fingerprint": "Of the skeleton: equal for all files with the same joints.",
    "finished_at": "When it ended.",
    "frame": "Number of the frame, from 0.",
    "id": "Its id.",
    "index": "The joint's index in its file.",
    "input": "The files as they were received.",
    "inspection": "The answer of an inspect job.",
    "instance": "The address that the problem came up at.",
    "kind": "What kind it is.",
    "mapping": "Role to joint.",
    "media_type": "Media type of the file.",
    "memory_bytes": "Memory that it takes.",
    "message": "What is wrong with it.",
    "metadata": "What the caller sent with it, unread.",
    "methods": "Retargeting methods.",
    "models": "Learned models.",
    "motion": "The motion.",
    "name": "Its name.",
    "next_cursor": "Fetches the page after this one; null on the last.",
    "note": "More about it, in words.",
    "object": "What this is.",
    "ok": "Whether it is as it should be.",
    "options": "All options, with those that were not given.",
    "parameters": "Number of its parameters.",
    "pointer": "JSON pointer to the field within the request.",
    "problem": "What is missing, where it is not ready.",
    "progress": "The share that is done, 0 to 1.",
    "queued": "Jobs that wait.",
    "reason": "What is missing, where it is not available.",
    "remedy": "The command that makes it ready.",
    "report": "Where its quality report is.",
    "report_page": "Where its quality report is as a page.",
    "request_id": "The request's id, as in the header X-Request-ID.",
    "result": "What came of it, once it succeeded.",
    "retryable": "Whether the same request may succeed later.",
    "scores": "The scores of the result.",
    "scores_naive_copy": "The same scores of a naive copy of the motion.",
    "self": "Its own address.",
    "sha256": "Hash of its bytes.",
    "source": "Overrides for the motion's rig.",
    "source_character": "The character that the motion was made on.",
    "source_definition": "What was said about the motion's rig.",
    "started_at": "When a worker first took it.",
    "status": "Its state.",
    "swing": "Range of the turn away from the bone's rest direction, degrees.",
    "target": "Overrides for the character's rig.",
    "time_s": "Moment within the clip, seconds.",
    "title": "What it is, in a few words.",
    "twist": "Range of the turn about the bone, degrees.",
    "type": "Address of what the code means.",
    "url": "Its address.",
    "urls": "Where to go on from here.",
    "verdict": "What a build can act on.",
    "version": "Its version.",
    "warnings": "Each guess and each limit that was met.",
    "workers": "Workers by queue.",
    "x": "Range of the turn about x, degrees.",
    "y": "Range of the turn about y, degrees.",
    "z": "Range of the turn about z, degrees.",
}

_SCORES = {
    "type": "object",
    "description": "Numbers by name; null where one does not apply. `semantic_similarity` is an object.",
    "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "null"}, {"type": "object"}]},
    "example": {"foot_skate_ratio": 0.84, "jerk_ratio": 0.96, "itm": None},
}
_OBJECT = {"type": "object", "additionalProperties": True}
SHAPES: Mapping[str, Any] = {
    "Scores": _SCORES,
    "VerdictRow": {
        "type": "object",
        "description": "One thing that was looked at.",
        "properties": {
            "score": {"type": "string", "description": "What was looked at.", "example": "foot_skate"},
            "meaning": {"type": "string", "description": "The same in words."},
            "value": {"type": ["number", "null"], "description": "What was found; null where it does not apply."},
            "worse": {"enum": ["above", "below"], "description": "Which side of the limits is worse."},
            "limit_review": {"type": "number", "description": "Beyond it somebody should look."},
            "limit_fail": {"type": "number", "description": "Beyond it the result should not be used."},
            "outcome": {"enum": ["pass", "review", "fail"], "description": "What follows from it."},
            "reason": {"type": ["string", "null"], "description": "Why it does not apply."},
        },
    },
    "Report": {
        "type": "object",
        "description": "The quality report of a job. Keys may be added; none is taken away within one `schema`.",
        "required": ["schema"],
        "properties": {
            "schema": {"type": "string", "description": "Version of the report's form.", "example": "report/1"},
            "engine": {**_OBJECT, "description": "Version, and what ran."},
            "source": {**_OBJECT, "description": "The motion: joints, units assumed, rate, frames, rest pose."},
            "target": {**_OBJECT, "description": "The character, likewise."},
            "mapping": {**_OBJECT, "description": "Of both sides: role, joint, confidence, reason, alternatives."},
            "scores": {"$ref": "#/components/schemas/Scores"},
            "scores_naive_copy": {"$ref": "#/components/schemas/Scores"},
            "not_applicable": {**_OBJECT, "description": "Why a score is null, by its name."},
            "verdict": {
                "type": "object",
                "description": "What a build can act on, and the rows that decided it.",
                "properties": {
                    "verdict": {"enum": ["pass", "review", "fail"], "description": "The worst of the rows."},
                    "rows": {
                        "type": "array",
                        "description": "All that was looked at.",
                        "items": {"$ref": "#/components/schemas/VerdictRow"},
                    },
                },
            },
            "timeline": {**_OBJECT, "description": "Scores over time, one value a step."},
            "warnings": {"type": "array", "items": _OBJECT, "description": "Each guess and each limit that was met."},
            "timings_s": {**_OBJECT, "description": "Seconds by stage."},
            "clips": {"type": "array", "items": _OBJECT, "description": "Of several clips, each by itself."},
        },
    },
}


def complete(document: dict[str, Any]) -> None:
    """Add what is missing, in place."""
    schemas = document["components"]["schemas"]
    schemas.update(SHAPES)
    for schema in schemas.values():
        _describe(schema)
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    _exemplify(response, schemas)


def _describe(schema: dict[str, Any]) -> None:
    for name, inner in schema.get("properties", {}).items():
        if not inner.get("description") and name in TEXTS:
            inner["description"] = TEXTS[name]


def _exemplify(response: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    for media_type, content in response.get("content", {}).items():
        if media_type == "application/json" and "example" not in content:
            content["schema"] = content.get("schema") or dict(_OBJECT)
            content["example"] = example_of(content["schema"], schemas)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that fits the schema."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "anyOf" in schema:
        choices = schema["anyOf"]
        null = next((choice for choice in choices if choice.get("type") == "null"), None)
        return None if null is not None else example_of(choices[0], schemas, depth + 1)
    kind = schema.get("type")
    if kind == "object":
        inner = schema.get("properties", {}) if depth < DEPTH_MAX else {}
        return {name: example_of(value, schemas, depth + 1) for name, value in inner.items()}
    if kind == "array":
        items = schema.get("items")
        return [example_of(items, schemas, depth + 1)] if items and depth < DEPTH_MAX else []
    if kind == "string":
        return MOMENT if schema.get("format") == "date-time" else "text"
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    return {"integer": int(least) + 1, "number": 0.5 + least, "boolean": True}.get(str(kind))
