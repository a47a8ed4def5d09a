"""The only place that turns errors into RFC 9457 problem+json; there is exactly one error shape.

`type` is the stable, relative URL `/problems/<code>`, which `service.http.problems` answers. `request_id` is
the caller's `X-Request-ID` or one made here; it is in every response's header and in the log line of an internal error.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Iterable, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import LockError, OutOfMemoryError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.served import served_at
from service.logs import about
from service.telemetry import span
from workers.contract.errors import (
    InternalError,
    InvalidRequest,
    NotFound,
    QueueFull,
    RetargetError,
    Unauthorized,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
REQUEST_ID_HEADER = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_RETRY_AFTER_S = {QueueFull.code: 10, Unavailable.code: 5}

logger = logging.getLogger(__name__)


class ProblemItem(BaseModel):
    """One wrong field: `pointer` is a JSON pointer into the request."""

    pointer: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details. Some codes add typed members, such as `roles` and `candidates`."""

    model_config = ConfigDict(extra="allow")
    type: str = Field(examples=["/problems/not-found"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    code: str = Field(examples=["not-found"])
    request_id: str | None = None
    errors: list[ProblemItem] = Field(default_factory=list)
    retryable: bool
    retry_after: int | None = Field(None, description="Seconds; also in the Retry-After header.")


def problem(
    error: RetargetError, *, instance: str | None = None, request_id: str | None = None, status: int | None = None
) -> Problem:
    """The problem object of an error; a failed job carries the same one."""
    own = set(Problem.model_fields)
    retry_after = error.extra.get("retry_after", _RETRY_AFTER_S.get(error.code))
    return Problem(
        type=f"/problems/{error.code}",
        title=error.title,
        status=status or error.status,
        detail=error.detail,
        instance=instance,
        code=error.code,
        request_id=request_id,
        errors=[ProblemItem(**item) for item in error.extra.get("errors", []) if {"pointer", "message"} <= item.keys()],
        retryable=error.retryable,
        retry_after=retry_after,
        **{name: value for name, value in error.extra.items() if name not in own},
    )


def problem_response(
    request: Request, error: RetargetError, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The HTTP answer to an error."""
    body = problem(error, instance=request.url.path, request_id=request_id_of(request.scope), status=status)
    all_headers = dict(headers or {})
    if isinstance(error, Unauthorized):
        all_headers["WWW-Authenticate"] = "Bearer"
    if body.retry_after is not None:
        all_headers["Retry-After"] = str(body.retry_after)
    return Response(body.model_dump_json(), body.status, all_headers, MEDIA_TYPE)


def request_id_of(scope: Scope) -> str:
    """The id that RequestIdMiddleware gave this request."""
    return str(scope["state"]["request_id"])


class RequestIdMiddleware:
    """Outermost: names each request, and answers what nothing else caught with `internal`, never a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(REQUEST_ID_HEADER.lower().encode(), b"").decode("latin-1")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [
                    *message.get("headers", []),
                    (REQUEST_ID_HEADER.lower().encode(), request_id.encode()),
                    *((name.lower().encode(), text.encode()) for name, text in _more_headers(scope)),
                ]
            await send(message)

        try:
            with about(request_id=request_id), span(_span_name(scope), _sent_trace(scope), request_id=request_id):
                await self._app(scope, receive, send_with_id)
        except asyncio.CancelledError:  # the service is being stopped, and this request was given all its time
            logger.warning("request %s: cut off", request_id)
        except ClientDisconnect:
            logger.info("request %s: the client went away", request_id)
        except Exception:
            logger.exception("request %s failed", request_id)
            if started:
                raise
            error = InternalError(f"the service failed on this request; report it with request id {request_id}")
            await problem_response(Request(scope), error)(scope, receive, send_with_id)


def _span_name(scope: Scope) -> str:
    """Method and resource; an id in the path would make a name of its own for each."""
    return f"{scope['method']} {'/'.join(str(scope['path']).split('/')[:3])}"


def _sent_trace(scope: Scope) -> str | None:
    """The caller's own span."""
    return dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1") or None


def _more_headers(scope: Scope) -> Iterable[tuple[str, str]]:
    """What an endpoint's dependencies have to say, whatever the answer is."""
    found: dict[str, str] = scope["state"].get("more_headers", {})
    return found.items()


def install(app: FastAPI) -> None:
    """Handlers for our errors, FastAPI's and Starlette's own, and Redis being away."""
    app.add_exception_handler(RetargetError, _on_retarget_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    for kind in (RedisConnectionError, RedisTimeoutError, LockError, OutOfMemoryError, ReadOnlyError):
        app.add_exception_handler(kind, _on_redis_error)
    app.add_middleware(RequestIdMiddleware)


async def _on_retarget_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RetargetError)
    return problem_response(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    items = [
        {"pointer": "/" + "/".join(str(part) for part in item["loc"]), "message": str(item["msg"])}
        for item in error.errors()
    ]
    summary = "; ".join(f"{item['pointer']}: {item['message']}" for item in items[:3])
    return problem_response(request, InvalidRequest(f"{summary}; see /openapi.json", errors=items))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem_response(request, NotFound(f"nothing is served at {request.url.path}; see /openapi.json"))
    detail = str(error.detail)
    if error.status_code == 405:
        detail = f"{request.method} is not allowed at {request.url.path}; see the Allow header"
        served = served_at(request.app, request.url.path)
        headers = {**(error.headers or {}), **({"Allow": ", ".join(served.methods)} if served is not None else {})}
        return problem_response(request, InvalidRequest(detail), status=405, headers=headers)
    return problem_response(request, InvalidRequest(detail), status=error.status_code, headers=error.headers)


async def _on_redis_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RedisError)
    logger.warning("request %s: Redis: %s", request_id_of(request.scope), error)
    return problem_response(request, Unavailable("the job store does not answer; try again in a few seconds"))
