"""Proof that a process sees the same blob store as all others: a marker in the store whose text Redis knows.

Whoever starts first on an empty Redis writes it. Later, a store without the marker is another one, or one that was
wiped, and whoever sees it must neither take uploads nor jobs: a worker elsewhere would fail every job for files that
lie safely where the gateway put them. A Redis that lost its data takes the marker of the store over.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from redis import Redis
from redis.lock import Lock

from service.files.blobs import BlobStore, WrongStore
from service.records import PREFIX
from service.settings import mask_secrets

LOG = logging.getLogger("retarget.blobs")
MARKER = "store-id"
KNOWN = f"{PREFIX}:store-id"
LOCK_TIMEOUT_S = 30.0


class StoreMarker:
    """`ensure` proves it once and remembers; `check` proves it anew."""

    def __init__(self, redis: Redis, blobs: BlobStore) -> None:
        self._redis = redis
        self._blobs = blobs
        self._proven = False

    def ensure(self) -> None:
        """Cheap once it has been proven: then only a local folder's being there is looked at. Raises as `check`."""
        if not self._proven:
            self.check()
        elif self._blobs.is_local:
            self._blobs.check_there()

    def check(self) -> None:
        """Raises WrongStore where this is not the store that the records speak of, Unavailable where it does not
        answer; redis.RedisError.
        """
        self._proven = False
        known = self._known()
        if known is None:  # a new installation; the folder of a known store is never made anew
            self._blobs.make_root()
        self._blobs.check_there()
        found, known = self._found(), self._known()
        if found is None or known is None:
            with Lock(self._redis, f"{KNOWN}:lock", timeout=LOCK_TIMEOUT_S, blocking_timeout=LOCK_TIMEOUT_S):
                found, known = self._found(), self._known()
                if known is None:
                    if found is None:
                        found = uuid.uuid4().hex
                        self._blobs.put(MARKER, found.encode())
                    self._redis.set(KNOWN, found)
                    known = found
        if found != known:
            LOG.error(
                "the blob store %s has the marker %s, Redis knows %s", mask_secrets(self._blobs.url), found, known
            )
            what = "is empty or was wiped" if found is None else "belongs to another installation"
            raise WrongStore(
                f"the store of uploads and results {what}: it is not the one that the jobs' files lie in; set "
                f"RETARGET_BLOB_URL to that one, or delete the key {KNOWN} in Redis if its files are lost for good"
            )
        self._proven = True

    def look(self) -> tuple[str | None, str | None]:
        """The store's marker and the one that Redis knows, None where there is none; writes neither.

        Raises Unavailable, redis.RedisError.
        """
        return self._found(), self._known()

    def _found(self) -> str | None:
        try:
            return self._blobs.read(MARKER).decode("ascii", "replace")
        except FileNotFoundError:
            return None

    def _known(self) -> str | None:
        known: Any = self._redis.get(KNOWN)
        return None if known is None else str(known.decode())
