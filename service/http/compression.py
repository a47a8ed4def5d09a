"""gzip for texts: JSON, pages, problems. Results and reports go as they are: their tags stand for their bytes, and a
download that is resumed by a range must go on with the same ones.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

MIN_BYTES = 1000
LEVEL = 4


class TextCompression:
    """Starlette's gzip, but for artifacts, reports and event streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packed = GZipMiddleware(app, minimum_size=MIN_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        as_it_is = not path or "/artifacts/" in path or path.endswith(("/events", "/report"))
        await (self._plain if as_it_is else self._packed)(scope, receive, send)
