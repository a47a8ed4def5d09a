"""Addresses of results that work without a key for a while: for a browser, a build step, a tool that sends no headers.

The signature is an HMAC-SHA256 over method, path, end and owner with a secret that Redis keeps; a changed letter in any
of them is refused, and so is everything that the owner's key made once it is revoked. They are good for reading results
alone. The same form serves files in a folder and in an object store.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from redis import Redis

from service.keys.store import key_name
from service.records import PREFIX
from workers.contract.errors import Expired, Forbidden

SECRET = f"{PREFIX}:signing-secret"
LIFETIME_S = 3600
STEP_S = 300  # ends are rounded up to this, so that the same job shows the same address for a while
PARAMETERS = ("exp", "key", "sig")


class SignedUrls:
    """Makes and checks them. Blocking."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._secret: bytes | None = None

    def sign(self, path: str, owner: str) -> str:
        """The path with a signature that lasts about an hour."""
        end = int((time.time() + LIFETIME_S) // STEP_S + 1) * STEP_S
        return f"{path}?{urlencode({'exp': end, 'key': owner, 'sig': self._signature(path, str(end), owner)})}"

    def owner_of(self, path: str, query: Mapping[str, str]) -> str:
        """Whose results may be read with this address. Raises Forbidden, Expired."""
        end, owner, given = (query.get(name, "") for name in PARAMETERS)
        if not hmac.compare_digest(self._signature(path, end, owner).encode(), given.encode("utf-8", "replace")):
            raise Forbidden("the signature of this address is not ours, or the address was changed; ask for a new one")
        if not end.isdecimal() or int(end) < time.time():
            raise Expired("this address has expired; get the job again, it shows a new one")
        if not self._redis.exists(key_name(owner)):
            raise Forbidden("the key that this address was made for is revoked")
        return owner

    def _signature(self, path: str, end: str, owner: str) -> str:
        text = "\n".join(["GET", path, end, owner]).encode("utf-8", "replace")
        digest = hmac.new(self._known_secret(), text, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _known_secret(self) -> bytes:
        if self._secret is None:
            self._redis.set(SECRET, os.urandom(32).hex(), nx=True)
            kept: Any = self._redis.get(SECRET)
            self._secret = bytes.fromhex(kept.decode())
        return self._secret
