"""The record of a key, and the caller that it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

Scope = Literal["jobs:read", "jobs:write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
TOKEN_PREFIX = "mr_live_"
SHOWN_CHARS = len(TOKEN_PREFIX) + 6


class KeyRecord(BaseModel):
    """What is kept of a key: never the key. `shown` is its beginning, enough to tell keys apart."""

    model_config = ConfigDict(frozen=True)
    id: str
    name: str
    shown: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    per_minute: int | None = None  # requests that make or change something; None takes the service's limit
    waiting_max: int | None = None  # jobs in the queue at once; None takes the service's limit


@dataclass(frozen=True)
class Caller:
    """Who asks. `id` is that of the key, and the owner of all that the caller makes; empty where none is asked for."""

    id: str
    scopes: frozenset[Scope]
    waiting_max: int | None = None


EVERYONE = Caller("", frozenset(SCOPES))
