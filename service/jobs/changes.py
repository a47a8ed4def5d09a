"""Long-polling without a thread or a connection per waiter: one Redis subscription wakes all of them.

Every change of a job publishes its id (`service.jobs.scripts`). A waiter re-reads the record when its job changes, and
every few seconds anyway, so a lost message costs seconds, never a hang.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from service.jobs.schemas import JobRecord
from service.jobs.store import CHANGES, JobStore

RECHECK_S = 5.0
RECONNECT_S = 1.0

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Changes:
    """Wakes requests that wait for a job to change. `start` and `stop` belong to the event loop of the application."""

    def __init__(self, redis_url: str, store: JobStore) -> None:
        self._redis_url = redis_url
        self._store = store
        self._waiters: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        self._release_all()
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener

    @property
    def is_closing(self) -> bool:
        """Whether the application ends, and nobody is to wait any more."""
        return self._closing

    def close_soon(self) -> None:
        """Let all waiting requests answer now; callable from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release_all)

    async def wait_until(self, job_id: str, done: Callable[[JobRecord], bool], timeout_s: float) -> JobRecord:
        """The record once `done` (run in a thread) holds, or as it is after `timeout_s`. Raises NotFound."""
        return await self.wait_for(job_id, lambda: self._look(job_id, done), timeout_s)

    async def wait_for(self, name: str, look: Callable[[], tuple[T, bool]], timeout_s: float) -> T:
        """What `look` (run in a thread) finds once it says so, or after `timeout_s`; `name` is the id that is published
        when there is something to look at.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        with self._watch(name) as changed:
            while True:
                changed.clear()
                record, is_done = await run_in_threadpool(look)
                left = deadline - loop.time()
                if is_done or left <= 0 or self._closing:
                    return record
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(left, RECHECK_S))

    def _look(self, job_id: str, done: Callable[[JobRecord], bool]) -> tuple[JobRecord, bool]:
        record = self._store.get(job_id)
        return record, done(record)

    @contextlib.contextmanager
    def _watch(self, job_id: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiters[job_id].add(event)
        try:
            yield event
        finally:
            self._waiters[job_id].discard(event)
            if not self._waiters[job_id]:
                del self._waiters[job_id]

    def _release_all(self) -> None:
        self._closing = True
        self._wake_all()

    def _wake_all(self) -> None:
        for events in self._waiters.values():
            for event in events:
                event.set()

    async def _listen(self) -> None:
        """Subscribe, and subscribe again whenever Redis went away."""
        while True:
            try:
                async with (
                    AsyncRedis.from_url(self._redis_url, health_check_interval=10) as redis,
                    redis.pubsub() as subscription,
                ):
                    await subscription.subscribe(CHANGES)
                    self._wake_all()  # what changed while nobody listened
                    async for message in subscription.listen():
                        if message["type"] == "message":
                            for event in self._waiters.get(message["data"].decode(), ()):
                                event.set()
            except (RedisError, OSError) as error:
                logger.warning("waiting for changes: Redis: %s; trying again", error)
            await asyncio.sleep(RECONNECT_S)
