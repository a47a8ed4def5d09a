"""One request to a receiver, over a connection to the address that was checked. No redirect is followed, no proxy used,
and what the receiver answers is read no further than its status and `Retry-After`.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from service.webhooks.addresses import Target


@dataclass(frozen=True)
class Answer:
    """What a receiver said."""

    status_code: int
    retry_after: str | None


class _Connection(http.client.HTTPConnection):
    """To a fixed address; TLS is held against the name."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target = target

    def connect(self) -> None:
        connected = socket.create_connection((self._target.address, self._target.port), self.timeout)
        if self._target.scheme == "https":
            connected = ssl.create_default_context().wrap_socket(connected, server_hostname=self._target.host)
        self.sock = connected


def post(target: Target, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
    """Raises OSError (ssl's and time-outs too), http.client.HTTPException.

    `timeout_s` bounds the whole: a receiver that drips its answer is cut, too.
    """
    connection = _Connection(target, timeout_s)
    is_over = threading.Event()

    def cut() -> None:
        is_over.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(timeout_s, cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", target.path, body, {**headers, "Connection": "close"})
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Retry-After"))
    except (OSError, http.client.HTTPException):
        if is_over.is_set():
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None
        raise
    finally:
        watchdog.cancel()
        connection.close()
