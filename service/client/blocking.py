"""Client: waits for what it asks for. Safe to use from several threads, as httpx2 is."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx2

from service.client import flows
from service.client.flows import Answered, Ask, Broken, Fetch, FileLike, Flow, Follow, Give, Pause, Progress, Step
from service.client.models import Asset, Batch, Item, Job, ServiceError

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT = httpx2.Timeout(90.0, connect=10.0)
CHUNK_BYTES = 2**18
T = TypeVar("T")


def settings_of(url: str | None, key: str | None) -> dict[str, Any]:
    """What a connection is made with: address and key as given, else from RETARGET_URL and RETARGET_KEY."""
    token = key or os.environ.get("RETARGET_KEY")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return {"base_url": url or os.environ.get("RETARGET_URL") or DEFAULT_URL, "headers": headers, "timeout": TIMEOUT}


@contextlib.contextmanager
def request_of(step: Ask) -> Iterator[dict[str, Any]]:
    """What httpx2 is given for a request, its files open meanwhile."""
    with contextlib.ExitStack() as stack:
        given: dict[str, Any] = {"params": dict(step.params), "headers": dict(step.headers)}
        if step.json is not None:
            given["json"] = step.json
        if step.files:
            given["data"] = dict(step.data)
            given["files"] = [
                (part, entry if isinstance(entry, tuple) else
                 (Path(entry).name, stack.enter_context(Path(entry).open("rb"))))
                for part, entry in step.files
            ]  # fmt: skip
        yield given


class Events:
    """Lines of server-sent events put together."""

    def __init__(self, on_event: Callable[[str, str], object]) -> None:
        self._on_event = on_event
        self._name = "message"
        self._data: list[str] = []

    def line(self, text: str) -> None:
        field, _, value = text.partition(":")
        if not text and self._data:
            self._on_event(self._name, "\n".join(self._data))
        if not text:
            self._name = "message"
            self._data.clear()
        elif field == "event":
            self._name = value.strip()
        elif field == "data":
            self._data.append(value.removeprefix(" "))


class Client:
    """Use it as a context manager, or close it. Raises ServiceError, Broken (nobody answers, after several tries)."""

    def __init__(self, url: str | None = None, key: str | None = None, **more: Any) -> None:
        """`more` goes to httpx2, such as `verify` or `transport`."""
        self._http = httpx2.Client(**{**settings_of(url, key), **more})

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def upload_motion(self, *files: FileLike) -> Asset:
        """Store a motion; several files where a `.gltf` has some beside it."""
        return self._run(flows.upload("motions", files, None))

    def upload_character(self, *files: FileLike, definition: Mapping[str, Any] | None = None) -> Asset:
        """Store a character, with its definition where it needs one."""
        return self._run(flows.upload("characters", files, definition))

    def submit(
        self,
        motion: FileLike | Asset,
        character: FileLike | Asset,
        *,
        more: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Job:
        """A job with these options; `more` are other parts, such as `metadata`, `priority`, `webhook`."""
        return self._run(flows.submit(motion, character, options, more or {}))

    def job(self, job_id: str) -> Job:
        return self._run(flows.get_job(job_id))

    def wait(self, job: Job | str, on_progress: Progress | None = None) -> Job:
        """The job once it has ended, however."""
        return self._run(flows.wait(_id(job), on_progress))

    def cancel(self, job: Job | str) -> Job:
        return self._run(flows.cancel(_id(job)))

    def retry(self, job: Job | str) -> Job:
        """A new job that does it again."""
        return self._run(flows.retry(_id(job)))

    def report(self, job: Job | str) -> dict[str, Any]:
        return self._run(flows.report(_id(job)))

    def download(self, job: Job, folder: str | Path, names: Sequence[str] | None = None) -> list[Path]:
        """The files of an ended job, all or those of these names."""
        return self._run(flows.download(job.result.artifacts if job.result else [], Path(folder), names))

    def batch(
        self,
        motions: Sequence[FileLike | Asset],
        characters: Sequence[FileLike | Asset],
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Batch:
        """Every motion onto every character. Called again with the same files and options it is the same batch."""
        return self._run(flows.make_batch(motions, characters, options, metadata or {}, name))

    def get_batch(self, batch: Batch | str) -> Batch:
        return self._run(flows.get_batch(_id(batch)))

    def wait_for_batch(self, batch: Batch | str, on_progress: Callable[[Batch], object] | None = None) -> Batch:
        return self._run(flows.wait_for_batch(_id(batch), on_progress))

    def cancel_batch(self, batch: Batch | str) -> Batch:
        return self._run(flows.cancel_batch(_id(batch)))

    def retry_batch(self, batch: Batch | str) -> int:
        """Have what failed done again; the number of items."""
        return self._run(flows.retry_batch(_id(batch)))

    def results(
        self, batch: Batch | str, folder: str | Path | None = None, names: Sequence[str] | None = None
    ) -> Iterator[Item]:
        """Each item when it has ended, its files in the folder by then; those that are there are not fetched again."""
        flow = flows.results(_id(batch), None if folder is None else Path(folder), names)
        return self._steps(flow)

    def _run(self, flow: Flow[T]) -> T:
        answer, error = None, None
        while True:
            try:
                step = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as end:
                found: T = end.value
                return found
            answer, error = self._do(step)

    def _steps(self, flow: Flow[None]) -> Iterator[Any]:
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
                answer, error = self._do(step)

    def _do(self, step: Step) -> tuple[Any, Broken | None]:
        try:
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            elif isinstance(step, Ask):
                with request_of(step) as given:
                    response = self._http.request(step.method, step.path, **given)
                return Answered(response.status_code, response.headers, response.content), None
            elif isinstance(step, Fetch):
                self._fetch(step)
            elif isinstance(step, Follow):
                self._follow(step)
        except httpx2.TransportError as failure:
            return None, Broken(f"{type(failure).__name__}: {failure}")
        return None, None

    def _fetch(self, step: Fetch) -> None:
        with self._http.stream("GET", step.path, headers=range_of(step.start)) as response:
            if response.status_code >= 400:
                raise refused(response.status_code, response.read())
            with step.target.open("ab" if response.status_code == 206 else "wb") as handle:
                for chunk in response.iter_bytes(CHUNK_BYTES):
                    handle.write(chunk)

    def _follow(self, step: Follow) -> None:
        events = Events(step.on_event)
        with self._http.stream("GET", step.path) as response:
            if response.status_code == 200:
                for line in response.iter_lines():
                    events.line(line)


def range_of(start: int) -> dict[str, str]:
    """Headers that ask for the rest of a file, as it is."""
    return {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}


def refused(status: int, body: bytes) -> ServiceError:
    return ServiceError(status, flows.problem_of(Answered(status, {}, body)))


def _id(thing: Job | Batch | str) -> str:
    return thing if isinstance(thing, str) else thing.id
