"""Secrets and signatures of Standard Webhooks 1.0, by its own library. While a secret is being replaced a message has
two signatures, so that receivers change over whenever they like.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks.webhooks import Webhook

from service.webhooks.schemas import SECRET_PREFIX, KeptSecret

SECRET_BYTES = 32


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def valid_secrets(secrets: Iterable[KeptSecret], now: datetime) -> list[str]:
    """Those that have not ended, the newest first."""
    return [kept.secret for kept in secrets if kept.expires_at is None or kept.expires_at > now]


def signed_headers(message_id: str, now: datetime, body: str, secrets: Iterable[str]) -> dict[str, str]:
    """The three headers of a message; `now` in UTC."""
    signatures = [Webhook(secret).sign(message_id, now, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
