"""AsyncClient: the same as `Client`, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx2

from service.client import flows
from service.client.blocking import CHUNK_BYTES, Events, _id, range_of, refused, request_of, settings_of
from service.client.flows import Answered, Ask, Broken, Fetch, FileLike, Flow, Follow, Give, Pause, Progress, Step
from service.client.models import Asset, Batch, Item, Job

T = TypeVar("T")


class AsyncClient:
    """Use it as an asynchronous context manager, or close it. Raises ServiceError, Broken as `Client` does."""

    def __init__(self, url: str | None = None, key: str | None = None, **more: Any) -> None:
        """`more` goes to httpx2, such as `verify` or `transport`."""
        self._http = httpx2.AsyncClient(**{**settings_of(url, key), **more})

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def upload_motion(self, *files: FileLike) -> Asset:
        """Store a motion; several files where a `.gltf` has some beside it."""
        return await self._run(flows.upload("motions", files, None))

    async def upload_character(self, *files: FileLike, definition: Mapping[str, Any] | None = None) -> Asset:
        """Store a character, with its definition where it needs one."""
        return await self._run(flows.upload("characters", files, definition))

    async def submit(
        self,
        motion: FileLike | Asset,
        character: FileLike | Asset,
        *,
        more: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Job:
        """A job with these options; `more` are other parts, such as `metadata`, `priority`, `webhook`."""
        return await self._run(flows.submit(motion, character, options, more or {}))

    async def job(self, job_id: str) -> Job:
        return await self._run(flows.get_job(job_id))

    async def wait(self, job: Job | str, on_progress: Progress | None = None) -> Job:
        """The job once it has ended, however."""
        return await self._run(flows.wait(_id(job), on_progress))

    async def cancel(self, job: Job | str) -> Job:
        return await self._run(flows.cancel(_id(job)))

    async def retry(self, job: Job | str) -> Job:
        """A new job that does it again."""
        return await self._run(flows.retry(_id(job)))

    async def report(self, job: Job | str) -> dict[str, Any]:
        return await self._run(flows.report(_id(job)))

    async def download(self, job: Job, folder: str | Path, names: Sequence[str] | None = None) -> list[Path]:
        """The files of an ended job, all or those of these names."""
        return await self._run(flows.download(job.result.artifacts if job.result else [], Path(folder), names))

    async def batch(
        self,
        motions: Sequence[FileLike | Asset],
        characters: Sequence[FileLike | Asset],
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Batch:
        """Every motion onto every character. Called again with the same files and options it is the same batch."""
        return await self._run(flows.make_batch(motions, characters, options, metadata or {}, name))

    async def get_batch(self, batch: Batch | str) -> Batch:
        return await self._run(flows.get_batch(_id(batch)))

    async def wait_for_batch(self, batch: Batch | str, on_progress: Callable[[Batch], object] | None = None) -> Batch:
        return await self._run(flows.wait_for_batch(_id(batch), on_progress))

    async def cancel_batch(self, batch: Batch | str) -> Batch:
        return await self._run(flows.cancel_batch(_id(batch)))

    async def retry_batch(self, batch: Batch | str) -> int:
        """Have what failed done again; the number of items."""
        return await self._run(flows.retry_batch(_id(batch)))

    def results(
        self, batch: Batch | str, folder: str | Path | None = None, names: Sequence[str] | None = None
    ) -> AsyncIterator[Item]:
        """Each item when it has ended, its files in the folder by then; those that are there are not fetched again."""
        flow = flows.results(_id(batch), None if folder is None else Path(folder), names)
        return self._steps(flow)

    async def _run(self, flow: Flow[T]) -> T:
        answer, error = None, None
        while True:
            try:
                step = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as end:
                found: T = end.value
                return found
            answer, error = await self._do(step)

    async def _steps(self, flow: Flow[None]) -> AsyncIterator[Any]:
        answer, error = None, None
        while True:
            try:
                step = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration:
                return
            if isinstance(step, Give):
                answer, error = None, None
                yield step.value
            else:
                answer, error = await self._do(step)

    async def _do(self, step: Step) -> tuple[Any, Broken | None]:
        try:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Ask):
                with request_of(step) as given:
                    response = await self._http.request(step.method, step.path, **given)
                return Answered(response.status_code, response.headers, response.content), None
            elif isinstance(step, Fetch):
                await self._fetch(step)
            elif isinstance(step, Follow):
                await self._follow(step)
        except httpx2.TransportError as failure:
            return None, Broken(f"{type(failure).__name__}: {failure}")
        return None, None

    async def _fetch(self, step: Fetch) -> None:
        async with self._http.stream("GET", step.path, headers=range_of(step.start)) as response:
            if response.status_code >= 400:
                raise refused(response.status_code, await response.aread())
            with step.target.open("ab" if response.status_code == 206 else "wb") as handle:
                async for chunk in response.aiter_bytes(CHUNK_BYTES):
                    handle.write(chunk)

    async def _follow(self, step: Follow) -> None:
        events = Events(step.on_event)
        async with self._http.stream("GET", step.path) as response:
            if response.status_code == 200:
                async for line in response.aiter_lines():
                    events.line(line)
