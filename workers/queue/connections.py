"""Connections of the workers to Redis: one that waits while the server restarts and then repeats its command, and one
that fails at once.

A command that fails half way may have been carried out, and the waiting connection sends it again: callers of steps
that cannot be taken twice look at the record before they believe a "no". A malformed URL is InvalidOptions.
"""

from __future__ import annotations

from redis import Redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from service.settings import Settings, mask_secrets
from workers.contract.errors import InvalidOptions

# 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s, then 2 s each: about a minute in all, which a restart with a large file may take.
_PATIENT_RETRIES = 34


def patient_redis(settings: Settings) -> Redis:
    """Tries again for about a minute when the server is away, then raises redis.ConnectionError."""
    return _connection(settings, Retry(ExponentialBackoff(cap=2.0, base=0.05), _PATIENT_RETRIES))


def quick_redis(settings: Settings) -> Redis:
    """Raises redis.ConnectionError or TimeoutError at the first failure: for loops that have other things to watch."""
    return _connection(settings, Retry(NoBackoff(), 1))  # a pooled connection that the server closed fails once


def _connection(settings: Settings, retry: Retry) -> Redis:
    try:
        return Redis.from_url(
            settings.redis_url,
            socket_timeout=settings.redis_timeout_s,
            socket_connect_timeout=settings.redis_timeout_s,
            retry=retry,
            health_check_interval=30,
        )
    except ValueError as error:
        url = mask_secrets(settings.redis_url)
        raise InvalidOptions(f"Redis URL {url}: {error}; write redis://HOST:PORT/0 or unix://PATH") from None
