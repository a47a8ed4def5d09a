"""What is wrong with a JSON body or part, field by field."""

from __future__ import annotations

from pydantic import ValidationError

from workers.contract.errors import InvalidRequest


def invalid_body(error: ValidationError, pointer: str = "") -> InvalidRequest:
    """Names each wrong field; `pointer` is where the part lies in the request, empty for the body itself."""
    items = [
        {"pointer": pointer + "".join(f"/{part}" for part in item["loc"]), "message": str(item["msg"])}
        for item in error.errors(include_url=False, include_input=False)
    ]
    summary = "; ".join(f"{item['pointer'] or 'the body'}: {item['message']}" for item in items[:3])
    return InvalidRequest(f"{summary}; see /openapi.json", errors=items)
