"""Connections of the workers to Redis: one that waits while the server restarts and then repeats its command, and one
that fails at once.

A command that fails half way may have been carried out, and the waiting connection sends it again: callers of steps
that cannot be taken twice look at the record before they believe a "no". A malformed URL is InvalidOptions.
"""

from __future__ import annotations

from redis import Redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from service.redis_url import open_redis
from service.settings import Settings

# 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s, then 2 s each: about a minute in all, which a restart with a large file may take.
_PATIENT_RETRIES = 34


def patient_redis(settings: Settings) -> Redis:
    """Tries again for about a minute when the server is away, then raises redis.ConnectionError."""
    return open_redis(settings, Retry(ExponentialBackoff(cap=2.0, base=0.05), _PATIENT_RETRIES))


def quick_redis(settings: Settings) -> Redis:
    """Raises redis.ConnectionError or TimeoutError at the first failure: for loops that have other things to watch."""
    return open_redis(settings, Retry(NoBackoff(), 1))  # a pooled connection that the server closed fails once
