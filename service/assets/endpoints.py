"""Stored motions and characters over HTTP: upload, list, look, delete; the same four operations for both."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from service.assets.intake import store_asset
from service.assets.request_body import asset_body
from service.assets.retention import forget_asset
from service.assets.schemas import COLLECTIONS, EXAMPLE_IDS, AssetKind, AssetPage, AssetView, asset_url, asset_view
from service.assets.store import CURSOR_PATTERN, AssetStore
from service.files.form import receive_form
from service.http.context import Shared
from service.http.openapi import curl, error_responses
from service.keys.caller import CallerOf
from workers.contract.errors import FileTooLarge, InvalidOptions, NotFound, UnsupportedFormat

Cursor = Annotated[str | None, Query(pattern=CURSOR_PATTERN, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]
AssetIdPath = Annotated[str, Path(description="An asset's id.", examples=list(EXAMPLE_IDS.values()), max_length=64)]
MORE: dict[AssetKind, list[str]] = {
    "motion": [],
    "character": ["-F file=@character.glb -F definition=@definition.json"],
}
FILES: dict[AssetKind, str] = {"motion": "walk.bvh", "character": "character.glb"}


def make_router(kind: AssetKind) -> APIRouter:
    """The routes of one kind of asset."""
    collection = COLLECTIONS[kind]
    router = APIRouter(prefix=f"/v1/{collection}", tags=[collection])

    @router.post(
        "",
        name=f"post_{kind}",
        status_code=201,
        response_model=AssetView,
        summary=f"Store a {kind}",
        responses={
            200: {"model": AssetView, "description": "It was stored already; its expiry is put off"},
            **error_responses(FileTooLarge, UnsupportedFormat, InvalidOptions),
        },
        openapi_extra={
            **asset_body(kind),
            "x-codeSamples": curl(
                f'curl -sS "$URL/v1/{collection}" -F file=@{FILES[kind]}',
                *(f'curl -sS "$URL/v1/{collection}" {more}' for more in MORE[kind]),
            ),
        },
    )
    async def post_asset(request: Request, context: Shared, caller: CallerOf) -> Response:
        """The same upload is stored once and keeps its id; it is removed some time after its last use."""
        text_parts = ["definition"] if kind == "character" else []
        async with receive_form(request, context.reception, file_parts=["file"], text_parts=text_parts) as form:
            record, is_new = await run_in_threadpool(store_asset, context, kind, form, caller.id)
        return JSONResponse(
            asset_view(record).model_dump(mode="json"), 201 if is_new else 200, {"Location": asset_url(record)}
        )

    @router.get(
        "",
        name=f"list_{collection}",
        summary=f"List stored {collection}, newest first",
        responses=error_responses(),
        openapi_extra={"x-codeSamples": curl(f'curl -sS "$URL/v1/{collection}?limit=5"')},
    )
    def list_assets(context: Shared, caller: CallerOf, limit: Limit = 20, cursor: Cursor = None) -> AssetPage:
        records, next_cursor = AssetStore(context.redis).page(kind, limit, cursor, caller.id)
        return AssetPage(data=[asset_view(record) for record in records], next_cursor=next_cursor)

    @router.get(
        "/{asset_id}",
        name=f"get_{kind}",
        summary=f"A stored {kind}",
        responses=error_responses(NotFound),
        openapi_extra={"x-codeSamples": curl(f'curl -sS "$URL/v1/{collection}/${kind.upper()}"')},
    )
    def get_asset(context: Shared, caller: CallerOf, asset_id: AssetIdPath) -> AssetView:
        return asset_view(AssetStore(context.redis).get(asset_id, kind, caller.id))

    @router.delete(
        "/{asset_id}",
        name=f"delete_{kind}",
        status_code=204,
        summary=f"Delete a stored {kind}",
        responses=error_responses(NotFound),
        openapi_extra={"x-codeSamples": curl(f'curl -sS -X DELETE "$URL/v1/{collection}/${kind.upper()}"')},
    )
    def delete_asset(context: Shared, caller: CallerOf, asset_id: AssetIdPath) -> Response:
        """At once; jobs that use it keep their copy."""
        record = AssetStore(context.redis).get(asset_id, kind, caller.id)
        forget_asset(context.redis, context.blobs, record)
        return Response(status_code=204)

    return router


routers = [make_router("motion"), make_router("character")]
