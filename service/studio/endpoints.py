"""GET /studio: the built page and the samples, files of this package.

The page is open to all, as its requests carry the key that its reader types. It loads nothing from elsewhere, and its
policy lets it run no script but its own.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Textures inside a GLB, thumbnails and downloads are addresses of the page's own memory (`blob:`).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
    "connect-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = ((b"content-security-policy", POLICY.encode()), (b"cache-control", b"no-cache"))

router = APIRouter()


@router.get("/studio", include_in_schema=False)
def get_studio(request: Request) -> Response:
    return RedirectResponse("/studio/")


def add_studio(app: FastAPI) -> None:
    """Serves the page below /studio/ and the samples below /studio/samples/."""
    package = files("service.studio")
    app.include_router(router)
    app.mount("/studio/samples", _WithPolicy(StaticFiles(directory=str(package / "samples"))))
    app.mount("/studio", _WithPolicy(StaticFiles(directory=str(package / "page"), html=True)))


class _WithPolicy:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
