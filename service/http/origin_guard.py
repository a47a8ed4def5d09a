"""Where no keys are asked for, a web page must not act through its reader's browser on a service that listens locally.

Two ways are closed. A page whose name was made to lead to this machine (DNS rebinding) shows its own name in `Host`:
only names of this machine, addresses and the names in `RETARGET_ALLOWED_HOSTS` are answered. A page elsewhere that
posts a form here is told by its `Origin` or `Sec-Fetch-Site`, which browsers send and scripts cannot change: what is
not from here, nor from `RETARGET_CORS_ORIGINS`, may not change anything. Command-line clients send neither.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.errors import problem_response
from service.settings import Settings
from workers.contract.errors import Forbidden

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE = frozenset({"cross-site", "same-site"})


class OriginGuard:
    """Answers `forbidden` to requests that a page of somebody else has made."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = {settings.host.lower(), *settings.allowed_host_names}
        self._origins = set(settings.cors_origin_list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            wrong = self._wrong(request)
            if wrong is not None:
                await problem_response(request, Forbidden(wrong))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _wrong(self, request: Request) -> str | None:
        host = request.headers.get("host", "")
        if host and not is_own_host(host, self._hosts):
            return (
                f"this service does not answer to the name {host[:100]!r}; use its address, "
                "or add the name to RETARGET_ALLOWED_HOSTS"
            )
        if request.method in READING:
            return None
        origin = request.headers.get("origin")
        if origin is not None:
            if origin in self._origins or urlsplit(origin).netloc.lower() == host.lower() != "":
                return None
        elif request.headers.get("sec-fetch-site") not in _ELSEWHERE:
            return None
        return (
            f"a page of {(origin or 'another site')[:100]!r} may not change anything here; "
            "add its origin to RETARGET_CORS_ORIGINS if it is yours"
        )


def is_own_host(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this machine: an address, `localhost`, or one of `names` (`*` takes any)."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return True  # an address is no name that somebody else could lead here
    name = urlsplit(f"//{host}").hostname or "" if host.count("[") == host.count("]") else ""
    return name == "localhost" or name.endswith(".localhost") or name in names or "*" in names
