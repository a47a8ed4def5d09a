"""What all records in Redis share: the prefix of their keys, ids that sort by age, pages of these, and the time."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any

from redis import Redis

PREFIX = "retarget"
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's alphabet, in ASCII order


def new_id(prefix: str) -> str:
    """The prefix and 26 characters: 48 bits of milliseconds, 80 random bits. Later ids sort after earlier ones."""
    return id_of(prefix, (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big"))


def id_of(prefix: str, number: int) -> str:
    """The prefix and the lowest 130 bits of a number, in 26 characters."""
    return prefix + "".join(_BASE32[(number >> shift) & 31] for shift in range(125, -1, -5))


def newest_page(
    redis: Redis, index: str, limit: int, cursor: str | None, oldest: str = "-"
) -> tuple[list[str], str | None]:
    """Up to `limit` members of a sorted set with all scores 0, the greatest first, below `cursor` and down to `oldest`
    (a bound as Redis writes it); and the cursor of the next page, None on the last. Blocking.
    """
    found: Any = redis.zrevrangebylex(index, f"({cursor}" if cursor else "+", oldest, start=0, num=limit + 1)
    members = [member.decode() for member in found]
    return members[:limit], members[limit - 1] if len(members) > limit else None


def utc_now() -> datetime:
    """This process's clock."""
    return datetime.now(UTC)


def redis_now(redis: Redis) -> float:
    """Redis's clock, which all processes share, in seconds since the epoch. Blocking."""
    answer: Any = redis.time()
    seconds, microseconds = answer
    return float(seconds) + float(microseconds) / 1e6


def milliseconds_of(record_id: str) -> int:
    """When an id of `new_id` was made, in milliseconds since the epoch."""
    number = 0
    for character in record_id[-26:]:
        number = number << 5 | _BASE32.index(character)
    return number >> 80
