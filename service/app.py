"""The gateway's application. `create_app(settings)` connects nothing yet: the first request or `/readyz` does.

The gateway parses HTTP, keeps uploads and job records, and hands jobs to workers. It never parses a scene, and never
imports torch or numpy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware

from service.assets.endpoints import routers as asset_routers
from service.batches.endpoints import router as batches_router
from service.batches.schemas import BatchRequest
from service.files.blobs import BlobStore
from service.files.reception import Reception
from service.files.store_marker import StoreMarker
from service.health.endpoints import router as health_router
from service.http import errors
from service.http.access_log import AccessLog
from service.http.complete import complete
from service.http.compression import TextCompression
from service.http.context import VERSION
from service.http.docs_page import router as docs_router
from service.http.errors import Problem
from service.http.head import HeadAsGet
from service.http.openapi import add_schemas, add_security
from service.http.origin_guard import OriginGuard
from service.http.problems import router as problems_router
from service.http.served import refuse_unknown_query
from service.inspections.endpoints import router as inspections_router
from service.jobs.artifacts import router as artifacts_router
from service.jobs.changes import Changes
from service.jobs.context import JobContext
from service.jobs.endpoints import router as jobs_router
from service.jobs.events import router as events_router
from service.jobs.job_request import JobRequest
from service.jobs.request_body import describe_parsed_parts
from service.jobs.store import JobStore
from service.keys.caller import Callers, caller_of
from service.keys.store import KeyStore
from service.mappings.endpoints import router as mappings_router
from service.mappings.schemas import MappingRequest
from service.mappings.store import MappingStore
from service.models.endpoints import router as models_router
from service.operations.endpoints import router as operations_router
from service.redis_url import connect, open_async_redis
from service.settings import Settings
from service.studio.endpoints import add_studio
from service.webhooks.deliveries import router as deliveries_router
from service.webhooks.endpoints import router as webhooks_router
from service.webhooks.schemas import EndpointChange, EndpointRequest, HookRequest, RotateRequest
from workers.contract.definitions import CharacterDefinition
from workers.contract.options import JobOptions

DESCRIPTION = (
    "Post a motion and a character, poll the job, download the character with the motion on it and a quality report. "
    "Every error is RFC 9457 problem+json with a stable `code`; `/problems/{code}` says what it means."
)
# What a page's script may read of an answer beside its body.
EXPOSED_HEADERS = ["ETag", "Location", "Retry-After", "X-Request-ID", "Idempotency-Replayed", "Preference-Applied"]
# Models that no endpoint has as its own, because its body or part is read as a stream; and the shape of every error.
BODY_MODELS = (
    *(JobOptions, CharacterDefinition, JobRequest, MappingRequest, BatchRequest),
    *(HookRequest, EndpointRequest, EndpointChange, RotateRequest, Problem),
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without settings, from the environment."""
    context = _make_context(settings or Settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context.changes.start()
        context.reception.start()
        yield
        await context.changes.stop()
        context.redis.close()

    app = FastAPI(
        title="Motion retargeting service",
        description=DESCRIPTION,
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load scripts from a CDN; ours is `service.http.docs_page`
        redoc_url=None,
        dependencies=[Depends(refuse_unknown_query)],
        generate_unique_id_function=lambda route: route.name,  # post_job: what generated clients call it
    )
    app.state.context = context
    app.state.callers = Callers(KeyStore(context.redis))
    jobs = (jobs_router, events_router, artifacts_router, inspections_router)
    more = (batches_router, webhooks_router, deliveries_router)
    for router in (*jobs, *asset_routers, mappings_router, models_router, *more):
        app.include_router(router, dependencies=[Depends(caller_of)])
    for router in (health_router, operations_router, problems_router, docs_router):  # open to all, as is /openapi.json
        app.include_router(router)
    add_studio(app)
    _add_middleware(app, context.settings)

    @app.get("/", include_in_schema=False)
    async def index() -> dict[str, Any]:
        return {
            "service": app.title,
            "version": VERSION,
            "openapi": "/openapi.json",
            "docs": "/docs",
            "jobs": "/v1/jobs",
            "studio": "/studio",
        }

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
            add_schemas(schema, BODY_MODELS)
            describe_parsed_parts(schema)
            add_security(schema)
            complete(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """From the inside out: the last one added sees a request first."""
    app.add_middleware(TextCompression)
    app.add_middleware(HeadAsGet)
    if not settings.keys_are_asked_for:  # a browser never sends a key by itself
        app.add_middleware(OriginGuard, settings=settings)
    if settings.cors_origin_list:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origin_list,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
    app.add_middleware(AccessLog)
    errors.install(app)  # which adds the outermost, that names requests


def _make_context(settings: Settings) -> JobContext:
    redis = connect(settings)
    store, blobs = JobStore(redis), BlobStore(settings.blob_url)
    marker = StoreMarker(redis, blobs)
    return JobContext(
        settings=settings,
        redis=redis,
        blobs=blobs,
        marker=marker,
        reception=Reception(blobs, marker, settings),
        store=store,
        changes=Changes(partial(open_async_redis, settings), store),
        presets=partial(MappingStore, redis),
    )
