"""Who may send a body now, and how slowly: uploads in flight are counted, and each sender has to keep a least rate.

A body that comes in takes a connection, a file on the disk and a place among `uploads_max`; one that never ends, or
drips, must not keep them. `Pace` gives each body a grace and then as much time as its bytes take at the least rate,
at most `upload_max_s` in all, and no silence longer than `upload_idle_s`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

from starlette.concurrency import run_in_threadpool

from service.files.blobs import BlobStore
from service.files.store_marker import StoreMarker
from service.settings import Settings
from workers.contract.errors import InvalidRequest, Unavailable


class Pace:
    """How much time one sender has. Made by `Reception.place`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout: asyncio.Timeout | None = None
        self._is_over = False
        self._start_s = time.monotonic()
        self._received = 0

    async def next_chunk(self, stream: AsyncIterator[bytes]) -> bytes:
        """The next piece of the body, empty at its end.

        Raises InvalidRequest for a sender that is too slow, Unavailable where the service is being stopped.
        """
        settings = self._settings
        earned_s = settings.upload_grace_s + self._received / settings.upload_min_bytes_per_s
        left_s = min(earned_s, settings.upload_max_s) - (time.monotonic() - self._start_s)
        if left_s <= 0:
            raise self._too_slow()
        try:
            async with asyncio.timeout(0.0 if self._is_over else min(settings.upload_idle_s, left_s)) as self._timeout:
                async for chunk in stream:
                    if chunk:
                        self._received += len(chunk)
                        return chunk
        except TimeoutError:
            if self._is_over:
                raise Unavailable("the service is being stopped; send it again in a moment", retry_after=5) from None
            if left_s < settings.upload_idle_s:
                raise self._too_slow() from None
            raise InvalidRequest(
                f"the upload stalled: no data for {settings.upload_idle_s:g} s; send it again"
            ) from None
        return b""

    def end(self) -> None:
        """Let the sender wait no longer; to be called in the event loop."""
        self._is_over = True
        if self._timeout is not None and not self._timeout.expired():
            with contextlib.suppress(RuntimeError):  # it waits for nothing at the moment
                self._timeout.reschedule(asyncio.get_running_loop().time())

    def _too_slow(self) -> InvalidRequest:
        took_s = time.monotonic() - self._start_s
        return InvalidRequest(
            f"the upload is too slow: {self._received:,} bytes in {took_s:.0f} s, and at least "
            f"{self._settings.upload_min_bytes_per_s:,} a second are needed; send it over a better connection"
        )


class Reception:
    """The uploads of one gateway. Belongs to one event loop, like its application."""

    def __init__(self, blobs: BlobStore, marker: StoreMarker, settings: Settings) -> None:
        self.blobs = blobs
        self.settings = settings
        self._marker = marker
        self._senders: set[Pace] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """To be called in the event loop of the application."""
        self._loop = asyncio.get_running_loop()

    @contextlib.contextmanager
    def place(self) -> Iterator[Pace]:
        """One of the places for bodies on their way in. Raises Unavailable where all are taken."""
        most = self.settings.uploads_max
        if len(self._senders) >= most:
            raise Unavailable(f"{most} uploads are on their way in already; send it again in a moment", retry_after=2)
        pace = Pace(self.settings)
        self._senders.add(pace)
        try:
            yield pace
        finally:
            self._senders.discard(pace)

    def close_soon(self) -> None:
        """Answer all senders now; callable from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_all)

    def _end_all(self) -> None:
        for pace in self._senders:
            pace.end()

    async def check_room(self) -> None:
        """Raises Unavailable where the store is not ours or away, or the disk is nearly full."""
        await run_in_threadpool(self._marker.ensure)
        await run_in_threadpool(self.blobs.check_free_disk, self.settings.min_free_disk_ratio)
