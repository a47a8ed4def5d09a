"""uvicorn's HTTP protocol with what it lacks: a limit on the time that a request's head may take, and our error shape.

uvicorn waits for the head of a request for ever, so that a handful of clients that send a byte a second hold all
connections. What a body may take is `service.files.reception`'s.
"""

from __future__ import annotations

import asyncio
import http
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.http.errors import MEDIA_TYPE, problem
from workers.contract.errors import InvalidRequest


class TimedProtocol(H11Protocol):
    """Cuts a connection whose request head is not whole `head_timeout_s` after its first byte, or after the connection
    was made.
    """

    head_timeout_s = 10.0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_head()
        else:
            self._head_is_whole()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_whole()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, f"what was sent is no HTTP request: {msg}")

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_is_late)

    def _head_is_whole(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing() and self.conn.our_state is h11.IDLE:
            self._refuse(408, f"the head of the request took longer than {self.head_timeout_s:g} s; send it again")

    def _refuse(self, status: int, detail: str) -> None:
        """A problem document, and the end of the connection."""
        body = problem(InvalidRequest(detail), status=status).model_dump_json().encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        events: list[Any] = [
            h11.Response(status_code=status, headers=headers, reason=http.HTTPStatus(status).phrase.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def timed_protocol(head_timeout_s: float) -> type[TimedProtocol]:
    """The class with this limit, as uvicorn takes it."""
    return type("TimedProtocol", (TimedProtocol,), {"head_timeout_s": head_timeout_s})
