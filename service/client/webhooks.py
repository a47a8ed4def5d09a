"""Is a message that came from the service: Standard Webhooks 1.0 with symmetric secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from typing import Any

PREFIX = "whsec_"
TOLERANCE_S = 300


class NotGenuine(ValueError):
    """The message is not the service's, was changed, or is too old."""


def new_secret() -> str:
    """A secret for the webhook of a job or a batch."""
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, *, now_s: float | None = None
) -> dict[str, Any]:
    """The message, once its signature was found right. `body` as it came, byte by byte. Raises NotGenuine.

    Remember `webhook-id`: the same message may come twice.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, sent, signatures = (found[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        age_s = (time.time() if now_s is None else now_s) - int(sent)
    except (KeyError, ValueError):
        raise NotGenuine("it has no webhook-id, webhook-timestamp and webhook-signature") from None
    if abs(age_s) > TOLERANCE_S:
        raise NotGenuine(f"it was sent {age_s:.0f} s ago; check this machine's clock")
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, f"{message_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    if not any(hmac.compare_digest(expected.encode(), given.encode()) for given in signatures.split()):
        raise NotGenuine("no signature fits; it is of another secret, or was changed on its way")
    message: dict[str, Any] = json.loads(body)
    return message
