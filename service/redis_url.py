"""Redis by URL: one server, one behind TLS, or the primary that Sentinels name.

    redis://USER:PASSWORD@HOST:6379/0        rediss:// over TLS, with ?ssl_ca_certs=FILE where its issuer is private
    unix:///PATH?db=0
    redis+sentinel://HOST:26379,HOST:26379/NAME/0   rediss+sentinel:// over TLS; ?sentinel_password=... for theirs

Behind Sentinels each new connection asks them who is primary; one to a server that is primary no more is dropped at its
first write. All other parameters of the query are redis-py's. Nothing connects before its first use. How patient a
connection is, its user says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from service.settings import Settings, mask_secrets
from workers.contract.errors import InvalidOptions

SENTINEL_PORT = 26379
_PLAIN = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}


def connect(settings: Settings) -> Redis:
    """A blocking connection that gives up within a few times `redis_timeout_s`. Raises InvalidOptions."""
    return open_redis(settings, Retry(ExponentialBackoff(cap=0.5, base=0.05), 2))


def open_redis(settings: Settings, retry: Retry) -> Redis:
    """A blocking connection, as patient as `retry`. Raises InvalidOptions for a URL that is none."""
    kept: dict[str, Any] = {
        "socket_timeout": settings.redis_timeout_s,
        "socket_connect_timeout": settings.redis_timeout_s,
        "retry": retry,
        "health_check_interval": 30,
    }
    place = _sentinels(settings.redis_url)
    if place is None:
        try:
            return Redis.from_url(settings.redis_url, **kept)
        except ValueError as error:
            raise _unusable(settings.redis_url, str(error)) from None
    waits = {"socket_timeout": settings.redis_timeout_s, "socket_connect_timeout": settings.redis_timeout_s}
    asked = {**waits, "retry": Retry(NoBackoff(), 0), **place.of_sentinels}  # of one that is away, the next is asked
    sentinel = Sentinel(place.addresses, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    primary = sentinel.master_for(place.name, **{**kept, **place.of_primary})  # type: ignore[no-untyped-call]
    return cast(Redis, primary)


@asynccontextmanager
async def open_async_redis(settings: Settings) -> AsyncIterator[AsyncRedis]:
    """A connection for asyncio while inside. Raises InvalidOptions for a URL that is none."""
    place = _sentinels(settings.redis_url)
    if place is None:
        try:
            redis = AsyncRedis.from_url(settings.redis_url, health_check_interval=10)
        except ValueError as error:
            raise _unusable(settings.redis_url, str(error)) from None
        async with redis:
            yield redis
        return
    asked = {"retry": AsyncRetry(NoBackoff(), 0), **place.of_sentinels}
    sentinel = AsyncSentinel(place.addresses, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    async with AsyncExitStack() as opened:
        for each in sentinel.sentinels:
            await opened.enter_async_context(each)
        primary = sentinel.master_for(place.name, **{"health_check_interval": 10, **place.of_primary})
        yield await opened.enter_async_context(primary)


@dataclass(frozen=True)
class _Sentinels:
    addresses: list[tuple[str, int]]
    name: str  # of the primary
    of_primary: dict[str, Any]
    of_sentinels: dict[str, Any]


def _sentinels(url: str) -> _Sentinels | None:
    """What a URL of Sentinels says; None for another one."""
    parts = urlsplit(url)
    if parts.scheme not in _PLAIN:
        return None
    login, _, hosts = parts.netloc.rpartition("@")
    words = parts.path.strip("/").split("/")
    if not words[0] or not hosts or len(words) > 2:
        raise _unusable(url, "the name of the primary is missing" if hosts else "it names no Sentinel")
    query = dict(parse_qsl(parts.query))
    password = query.pop("sentinel_password", None)
    try:
        database = int(words[1]) if len(words) == 2 else 0
        addresses = [_address(host) for host in hosts.split(",")]
        plain = f"{_PLAIN[parts.scheme]}://{login}{'@' if login else ''}{addresses[0][0]}/{database}?{urlencode(query)}"
        options: dict[str, Any] = dict(parse_url(plain))  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise _unusable(url, str(error)) from None
    for name in ("host", "port", "connection_class"):  # who is primary is asked
        options.pop(name, None)
    secure = {name: value for name, value in options.items() if name.startswith("ssl_")}
    if parts.scheme == "rediss+sentinel":
        options["ssl"] = secure["ssl"] = True
    of_sentinels = {**secure, **({"password": password} if password else {})}
    return _Sentinels(addresses, words[0], options, of_sentinels)


def _address(text: str) -> tuple[str, int]:
    found = urlsplit(f"//{text.strip()}")
    if not found.hostname:
        raise ValueError(f"{text!r} is no HOST:PORT")
    host = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
    return host, found.port or SENTINEL_PORT


def _unusable(url: str, why: str) -> InvalidOptions:
    return InvalidOptions(
        f"Redis URL {mask_secrets(url)}: {why}; write redis://HOST:PORT/0, rediss:// for TLS, unix://PATH, or "
        "redis+sentinel://HOST:26379,HOST:26379/NAME/0"
    )
