"""The gateway's application. `create_app(settings)` connects nothing yet: the first request or `/readyz` does.

The gateway parses HTTP, keeps uploads and job records, and hands jobs to workers. It never parses a scene, and never
imports torch or numpy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.assets.endpoints import routers as asset_routers
from service.files.blobs import BlobStore
from service.files.reception import Reception
from service.files.store_marker import StoreMarker
from service.health.endpoints import router as health_router
from service.http import errors
from service.http.context import VERSION, connect
from service.http.errors import Problem
from service.http.openapi import add_schemas
from service.http.problems import router as problems_router
from service.inspections.endpoints import router as inspections_router
from service.jobs.artifacts import router as artifacts_router
from service.jobs.changes import Changes
from service.jobs.context import JobContext
from service.jobs.endpoints import router as jobs_router
from service.jobs.job_request import JobRequest
from service.jobs.request_body import describe_parsed_parts
from service.jobs.store import JobStore
from service.mappings.endpoints import router as mappings_router
from service.mappings.schemas import MappingRequest
from service.mappings.store import MappingStore
from service.models.endpoints import router as models_router
from service.settings import Settings
from workers.contract.definitions import CharacterDefinition
from workers.contract.options import JobOptions

DESCRIPTION = (
    "Post a motion and a character, poll the job, download the character with the motion on it and a quality report. "
    "Every error is RFC 9457 problem+json with a stable `code`; `/problems/{code}` says what it means."
)
# Models that no endpoint has as its own, because its body or part is read as a stream; and the shape of every error.
BODY_MODELS = (JobOptions, CharacterDefinition, JobRequest, MappingRequest, Problem)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without settings, from the environment."""
    context = _make_context(settings or Settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context.changes.start()
        yield
        await context.changes.stop()
        context.redis.close()

    app = FastAPI(
        title="Motion retargeting service",
        description=DESCRIPTION,
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load scripts from a CDN
        redoc_url=None,
    )
    app.state.context = context
    jobs = (jobs_router, artifacts_router, inspections_router)
    for router in (*jobs, *asset_routers, mappings_router, models_router, health_router, problems_router):
        app.include_router(router)
    errors.install(app)

    @app.get("/", include_in_schema=False)
    async def index() -> dict[str, Any]:
        return {"service": app.title, "version": VERSION, "openapi": "/openapi.json", "jobs": "/v1/jobs"}

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
            add_schemas(schema, BODY_MODELS)
            describe_parsed_parts(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


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
        changes=Changes(settings.redis_url, store),
        presets=MappingStore(redis),
    )
