"""What is wrong with options, one plain sentence a field.

Where a field may be one of several things (`fps`: `"source"` or a number), pydantic tells one error for each of them;
here they become one sentence that says what the field may be, read from its own schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

_KINDS = {"string": "a text", "boolean": "true or false", "object": "an object", "array": "a list", "null": "null"}
_SHOWN_CHARS = 60


def plain_errors(error: ValidationError, model: type[BaseModel]) -> list[dict[str, str]]:
    """`pointer` and `message` of each field that is wrong, in the order of the fields."""
    document = model.model_json_schema()
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        path, choices = _place(document, item["loc"])
        pointer = "".join(f"/{part}" for part in path) or "/"
        if choices is None:
            found.setdefault(pointer, str(item["msg"]).removeprefix("Value error, "))
        else:
            given = _value_at(item, len(item["loc"]) - len(path))
            found.setdefault(pointer, f"must be {_listed(choices, document)}{given}")
    return [{"pointer": pointer, "message": message} for pointer, message in found.items()]


def _place(document: Mapping[str, Any], location: Sequence[int | str]) -> tuple[list[str], list[Any] | None]:
    """The path of the field within the location of an error, and what the field may be where that is several things."""
    schema: Mapping[str, Any] = document
    path: list[str] = []
    for part in location:
        choices = schema.get("anyOf")
        if choices is not None:
            return path, list(choices)
        properties = schema.get("properties", {})
        inner = properties.get(part, schema.get("additionalProperties") or None)
        path.append(str(part))
        if not isinstance(inner, Mapping):
            return path, None
        schema = _resolved(inner, document)
    choices = schema.get("anyOf")
    return path, None if choices is None else list(choices)


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = document["$defs"][str(reference).rpartition("/")[2]]
    return found


def _listed(choices: Sequence[Mapping[str, Any]], document: Mapping[str, Any]) -> str:
    words = [word for choice in choices for word in _words(_resolved(choice, document))]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _words(schema: Mapping[str, Any]) -> list[str]:
    if "anyOf" in schema:
        return [word for choice in schema["anyOf"] for word in _words(choice)]
    for key in ("enum", "const"):
        if key in schema:
            return [json.dumps(value) for value in (schema[key] if key == "enum" else [schema[key]])]
    kind = schema.get("type")
    if kind in ("number", "integer"):
        return [_number(schema, "a number" if kind == "number" else "a whole number")]
    if kind == "object" and schema.get("properties"):
        return ["an object with " + ", ".join(schema["properties"])]
    return [_KINDS.get(str(kind), "something else")]


def _number(schema: Mapping[str, Any], name: str) -> str:
    limits = [
        f"{words} {schema[key]:g}"
        for key, words in (
            ("exclusiveMinimum", "above"),
            ("minimum", "from"),
            ("exclusiveMaximum", "below"),
            ("maximum", "up to"),
        )
        if key in schema
    ]
    return " ".join([name, *limits])


def _value_at(item: Mapping[str, Any], depth: int) -> str:
    """What was given, where the error shows the value of the field itself and not of a part of it."""
    value = item.get("input")
    if depth > 1 and not isinstance(value, str | int | float | bool):
        return ""
    text = json.dumps(value, default=str)
    return f", not {text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + '...'}"
