"""A client for Python, for any system: needs httpx2 and pydantic, and nothing else of this project.

    models         what the service answers, as typed data
    flows          what the client does, without sending anything itself: the same for both clients
    blocking       Client, which waits
    asynchronous   AsyncClient, for asyncio
    webhooks       is a message that came from the service

Everything is sent so that it may break off: uploads are known by their content, jobs and batches by a key or a name, so
what is sent again is never done twice, and downloads go on where they stopped.
"""

from service.client.asynchronous import AsyncClient
from service.client.blocking import Client
from service.client.models import Asset, Batch, Item, Job, ServiceError
from service.client.webhooks import new_secret, verify_webhook

__all__ = [
    "Asset",
    "AsyncClient",
    "Batch",
    "Client",
    "Item",
    "Job",
    "ServiceError",
    "new_secret",
    "verify_webhook",
]
