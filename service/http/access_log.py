"""One line for each request: who asked for what, how it ended, how long it took. Never a query string or a header.

A path is written as a JSON string, so that nothing in it can end the line or colour a terminal.
"""

from __future__ import annotations

import json
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("retarget.access")


class AccessLog:
    """Logs each request when its answer has been sent. Stands inside the middleware that names requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not LOG.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        start_s, status, sent_bytes = time.perf_counter(), 0, 0

        async def send_counted(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            client, name = (scope.get("client") or ("-",))[0], scope.get("state", {}).get("request_id", "-")
            told = {
                "client": client,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round((time.perf_counter() - start_s) * 1000, 1),
                "bytes": sent_bytes,
                "caller": scope.get("state", {}).get("caller", "-"),
            }
            path = json.dumps(scope["path"])
            line = f"{client} {told['method']} {path} {status} {told['ms']:.1f} ms {sent_bytes} bytes {name} "
            LOG.info("%s", line + str(told["caller"]), extra={"fields": {**told, "request_id": name}})
