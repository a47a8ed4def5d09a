"""The one error tree, shared by the engine, the command line and the gateway.

    RetargetError
    ├── InputError            the user's files or options cannot be used          exit 3
    │   ├── UnsupportedFormat · FileTooLarge · ParseFailed · NoSkeleton · NoSkin · MappingIncomplete · NotUpright
    │   ├── ClipNotFound · SourceMismatch · TooLarge · UnsupportedFeature · AmbiguousUnits
    │   ├── SourceFileNotFound                (command line only)
    │   └── InvalidOptions                    wrong usage                          exit 2
    ├── EngineError           the engine refused its own result or had no resources exit 4
    │   └── OutputInvalid · ModelUnavailable · JobTimeout · OutOfMemory
    ├── RequestError          an HTTP request that cannot be served as asked       exit 1
    │   └── InvalidRequest · NotFound · Expired · NotCancelable · NotReady · IdempotencyConflict ·
    │       IdempotencyMismatch · RateLimited · QueueFull · Unauthorized · Forbidden · Unavailable
    └── InternalError         our own bug                                          exit 1

Every error carries a stable `code`, an HTTP `status`, a process `exit_code`, whether a retry can help, and one line of
text that says what, where and the remedy. It crosses process borders as plain data (`to_dict`, `from_dict`). This
module imports nothing: both the gateway, which has no torch, and the workers, which have no FastAPI, use it.
Turning an error into problem+json is left to `service.http.errors`.
"""

from __future__ import annotations

from typing import Any, ClassVar


class RetargetError(Exception):
    """Root of the tree. `detail` is one line; `extra` holds typed, JSON-ready additions such as roles or candidates."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(" ".join(detail.split()))
        self.extra: dict[str, Any] = extra

    @property
    def detail(self) -> str:
        return str(self.args[0])

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "detail": self.detail, "extra": self.extra}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> RetargetError:
        """Inverse of `to_dict`; an unknown code becomes `InternalError`."""
        kind = ERRORS_BY_CODE.get(str(data.get("code")), InternalError)
        return kind(str(data.get("detail", "")), **dict(data.get("extra") or {}))


class InternalError(RetargetError):
    """Our own bug; the detail never shows a traceback."""


class InputError(RetargetError):
    title = "The input cannot be used"
    status = 422
    exit_code = 3


class UnsupportedFormat(InputError):
    code, title, status = "unsupported-format", "Unsupported file format", 415


class FileTooLarge(InputError):
    code, title, status = "file-too-large", "File too large", 413


class ParseFailed(InputError):
    code, title = "parse-failed", "The file could not be parsed"


class NoSkeleton(InputError):
    code, title = "no-skeleton", "The file has no skeleton"


class NoSkin(InputError):
    code, title = "no-skin", "The file has no skinned mesh"


class MappingIncomplete(InputError):
    """Extra: `roles` (missing role names) and `candidates` (role -> joint names)."""

    code, title = "mapping-incomplete", "Joints that are needed were not recognised"


class NotUpright(InputError):
    code, title = "not-upright", "The body stands on all fours"


class ClipNotFound(InputError):
    code, title = "clip-not-found", "No such clip"


class SourceMismatch(InputError):
    code, title = "source-mismatch", "The source character does not fit the motion"


class TooLarge(InputError):
    """More joints, frames, vertices or accessor elements than the limits allow."""

    code, title = "too-large", "The content exceeds a limit"


class UnsupportedFeature(InputError):
    code, title = "unsupported-feature", "The file uses an unsupported feature"


class AmbiguousUnits(InputError):
    code, title = "ambiguous-units", "Units contradict the file"


class SourceFileNotFound(InputError):
    code, title, status = "file-not-found", "File not found", 404


class InvalidOptions(InputError):
    """Extra: `errors`, a list of {pointer, message}."""

    code, title, exit_code = "invalid-options", "Invalid options", 2


class EngineError(RetargetError):
    title = "The engine could not deliver a result"
    exit_code = 4


class OutputInvalid(EngineError):
    code, title = "output-invalid", "The result failed its own checks"


class ModelUnavailable(EngineError):
    code, title, status = "model-unavailable", "Model unavailable", 503


class JobTimeout(EngineError):
    code, title, retryable = "timeout", "Time limit reached", True


class OutOfMemory(EngineError):
    code, title, retryable = "out-of-memory", "Memory limit reached", True


class RequestError(RetargetError):
    title = "The request cannot be served"
    status = 422


class InvalidRequest(RequestError):
    """Extra: `errors`, a list of {pointer, message}."""

    code, title = "invalid-request", "Invalid request"


class NotFound(RequestError):
    code, title, status = "not-found", "Not found", 404


class Expired(RequestError):
    code, title, status = "expired", "Expired", 410


class NotCancelable(RequestError):
    code, title, status = "not-cancelable", "The job cannot be canceled any more", 409


class NotReady(RequestError):
    code, title, status, retryable = "not-ready", "Not ready", 409, True


class IdempotencyConflict(RequestError):
    code, title, status, retryable = "idempotency-conflict", "A request with this key is in flight", 409, True


class IdempotencyMismatch(RequestError):
    code, title, status = "idempotency-mismatch", "This key was used with another request", 422


class RateLimited(RequestError):
    code, title, status, retryable = "rate-limited", "Too many requests", 429, True


class QueueFull(RequestError):
    code, title, status, retryable = "queue-full", "The queue is full", 429, True


class Unauthorized(RequestError):
    code, title, status = "unauthorized", "Unauthorized", 401


class Forbidden(RequestError):
    code, title, status = "forbidden", "Forbidden", 403


class Unavailable(RequestError):
    code, title, status, retryable = "unavailable", "Temporarily unavailable", 503, True


def _leaves(kind: type[RetargetError]) -> list[type[RetargetError]]:
    return [leaf for child in kind.__subclasses__() for leaf in [child, *_leaves(child)]]


ERRORS_BY_CODE: dict[str, type[RetargetError]] = {
    kind.code: kind for kind in _leaves(RetargetError) if "code" in vars(kind)
} | {"internal": InternalError}
