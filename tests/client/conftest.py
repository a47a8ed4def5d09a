"""The service's fixtures for this folder."""

from tests.service_fixtures import address, app, blobs, client, openapi_document, redis, redis_server, settings, store

__all__ = ["address", "app", "blobs", "client", "openapi_document", "redis", "redis_server", "settings", "store"]
