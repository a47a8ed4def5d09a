"""The body of POST /v1/jobs in /openapi.json: files and ids, or JSON with ids alone."""

from __future__ import annotations

from typing import Any, get_args

from service.assets.request_body import file_or_id
from service.http.openapi import multipart_body, or_json, schema_reference
from service.jobs.job_request import JobRequest
from service.jobs.schemas import Priority
from workers.formats.registry import character_formats, motion_formats
from workers.formats.wording import skeleton_files, uploads


def job_body() -> dict[str, Any]:
    definition = schema_reference("CharacterDefinition")
    skeleton = f"a bare skeleton as {skeleton_files()}"
    body = multipart_body(
        {
            "motion": file_or_id(f"The motion: {uploads(motion_formats())} or as one zip."),
            "character": file_or_id(f"The target: {uploads(character_formats(), skeleton)}."),
            "source_character": file_or_id("The character the motion was made on, where known."),
            "options": schema_reference("JobOptions"),
            "definition": definition,
            "source_definition": definition,
            "priority": {
                "type": "string",
                "enum": list(get_args(Priority)),
                "description": "Among your own jobs; nobody else's wait longer for it.",
            },
            "deadline_s": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "Expires if it has not started by then.",
            },
            "metadata": {"type": "object", "description": "Kept and given back with the job."},
            "webhook": schema_reference("HookRequest"),
        },
        required=["motion", "character"],
        json_parts=["options", "definition", "source_definition", "metadata", "webhook"],
    )
    return or_json(body, JobRequest.__name__)


def describe_parsed_parts(schema: dict[str, Any]) -> None:
    """Give the parts of a JobRequest that are checked by their own parsers the schemas which these parsers follow."""
    parts = schema["components"]["schemas"][JobRequest.__name__]["properties"]
    parts["options"] = schema_reference("JobOptions")
    parts["definition"] = parts["source_definition"] = schema_reference("CharacterDefinition")
