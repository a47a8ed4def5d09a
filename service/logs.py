"""Logs: one line an event on stderr, as text or as JSON (`RETARGET_LOG_FORMAT`), with what it is about.

`about(request_id=..., job_id=...)` names what is worked on; every line that is logged inside, by whatever module, has
these names as JSON. A request's id goes with its job to the worker, so one search finds both. Text lines stay as they
are: messages name their job themselves.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

_ABOUT: ContextVar[dict[str, str]] = ContextVar("about", default={})  # noqa: B039, never changed in place


@contextmanager
def about(**names: str | None) -> Iterator[None]:
    """Lines logged inside, in this thread or task, have these names; those that are None are left out."""
    token = _ABOUT.set({**_ABOUT.get(), **{name: text for name, text in names.items() if text}})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def named(name: str) -> str | None:
    """What `about` was told of this name, None outside."""
    return _ABOUT.get().get(name)


def set_up_logging(process: str, log_format: LogFormat) -> None:
    """Once, at the start of a process, which is named in every line."""
    handler = logging.StreamHandler()
    text = f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(JsonLines(process) if log_format == "json" else logging.Formatter(text))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class JsonLines(logging.Formatter):
    """A record as one JSON object on one line. `extra={"fields": {...}}` adds to it."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **_ABOUT.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)
