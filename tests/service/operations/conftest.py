"""The service's fixtures for this folder."""

from tests.service_fixtures import app, blobs, client, openapi_document, redis, redis_server, settings, store

__all__ = ["app", "blobs", "client", "openapi_document", "redis", "redis_server", "settings", "store"]
