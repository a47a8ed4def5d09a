"""GET /problems/{code}: the `type` URL of every problem leads here, to what the code means."""

from __future__ import annotations

import json

from fastapi import APIRouter
from pydantic import BaseModel

from service.http.openapi import curl, error_responses
from workers.contract.errors import ERRORS_BY_CODE, EngineError, InputError, NotFound, RequestError, RetargetError

router = APIRouter(tags=["errors"])

_BRANCHES: dict[type[RetargetError], str] = {
    InputError: "The files or options cannot be used as they are; the detail says what, where and the remedy.",
    EngineError: "The engine refused its own result or had no resources for it.",
    RequestError: "The request cannot be served as it was asked; the detail says why and the remedy.",
    RetargetError: "Our own bug; please report it with the request id.",
}


class ProblemDescription(BaseModel):
    """What an error code means."""

    code: str
    title: str
    status: int
    retryable: bool
    description: str


@router.get(
    "/problems/{code}",
    summary="What an error code means",
    responses=error_responses(NotFound),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/problems/not-ready"')},
)
def describe_problem(code: str) -> ProblemDescription:
    kind = ERRORS_BY_CODE.get(code)
    if kind is None:
        raise NotFound(f"there is no error code {json.dumps(code[:100])}; known: {', '.join(sorted(ERRORS_BY_CODE))}")
    return ProblemDescription(
        code=code, title=kind.title, status=kind.status, retryable=kind.retryable, description=_description(kind)
    )


def _description(kind: type[RetargetError]) -> str:
    branch = next(text for base, text in _BRANCHES.items() if issubclass(kind, base))
    own = " ".join((vars(kind).get("__doc__") or "").split())
    return f"{branch} {own}".strip()
