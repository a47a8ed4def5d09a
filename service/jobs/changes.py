"""Long-polling without a thread or a connection per waiter: one Redis subscription wakes all of them.

Every change of a job publishes its id (`service.jobs.scripts`). A waiter re-reads the record when its job changes, and
every few seconds anyway, so a lost message costs seconds, never a hang. Who waits for the end is not woken by progress.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
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


_Waiters = defaultdict[str, set[asyncio.Event]]  # by job


class Changes:
    """Wakes requests that wait for a job to change. `start` and `stop` belong to the event loop of the application."""

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[AsyncRedis]], store: JobStore) -> None:
        self._connect = connect
        self._store = store
        self._waiters: _Waiters = defaultdict(set)  # for any change
        self._waiters_for_end: _Waiters = defaultdict(set)
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
        return await self._wait(self._waiters, job_id, lambda: self._look(job_id, done), timeout_s)

    async def wait_until_final(self, job_id: str, timeout_s: float) -> JobRecord:
        """The record once the job has ended, or as it is after `timeout_s`. Raises NotFound."""
        return await self._wait(
            self._waiters_for_end, job_id, lambda: self._look(job_id, lambda record: record.is_final), timeout_s
        )

    async def wait_for_batch(self, batch_id: str, look: Callable[[], tuple[T, bool]], timeout_s: float) -> T:
        """What `look` (run in a thread) finds once it says so, or after `timeout_s`; asked as items change."""
        return await self._wait(self._waiters, batch_id, look, timeout_s)

    async def _wait(self, waiters: _Waiters, name: str, look: Callable[[], tuple[T, bool]], timeout_s: float) -> T:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        with _watch(waiters, name) as changed:
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

    def _release_all(self) -> None:
        self._closing = True
        self._wake_all()

    def _wake_all(self) -> None:
        for waiters in (self._waiters, self._waiters_for_end):
            for events in waiters.values():
                for event in events:
                    event.set()

    def _wake(self, message: str) -> None:
        job_id, _, what = message.partition(" ")
        for waiters in (self._waiters,) if what == "progress" else (self._waiters, self._waiters_for_end):
            for event in waiters.get(job_id, ()):
                event.set()

    async def _listen(self) -> None:
        """Subscribe, and subscribe again whenever Redis went away."""
        while True:
            try:
                async with self._connect() as redis, redis.pubsub() as subscription:
                    await subscription.subscribe(CHANGES)
                    self._wake_all()  # what changed while nobody listened
                    async for message in subscription.listen():
                        if message["type"] == "message":
                            self._wake(message["data"].decode())
            except (RedisError, OSError) as error:
                logger.warning("waiting for changes: Redis: %s; trying again", error)
            await asyncio.sleep(RECONNECT_S)


@contextlib.contextmanager
def _watch(waiters: _Waiters, job_id: str) -> Iterator[asyncio.Event]:
    event = asyncio.Event()
    waiters[job_id].add(event)
    try:
        yield event
    finally:
        waiters[job_id].discard(event)
        if not waiters[job_id]:
            del waiters[job_id]
