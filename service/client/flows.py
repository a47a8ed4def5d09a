"""What the client does, as generators that yield what is to be sent and are given what came: no sockets here, so that
the blocking and the asyncio client do the same.

A flow yields `Ask` (given an `Answered`), `Fetch` (given nothing, the file is there then), `Follow` (given nothing,
when the stream has ended), `Pause` and, where it has several results, `Give`. Broken connections are thrown in as
`Broken`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from service.client.models import Artifact, Asset, Batch, Item, Job, ServiceError

TRIES = 8
PAUSE_MAX_S = 30.0
WAIT_S = 30  # one long poll
BUSY = (429, 503)
PAGE = 100
FileLike = str | Path | tuple[str, bytes]  # a path, or a name and its bytes
Progress = Callable[[Job], object]


class Broken(Exception):
    """The connection broke off, or nobody answered."""


@dataclass(frozen=True)
class Ask:
    """One request. `files` are (part, file)."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    files: Sequence[tuple[str, FileLike]] = ()
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """What came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Fetch:
    """Write what is at the address to the end of a file, from the byte `start` on."""

    path: str
    target: Path
    start: int


@dataclass(frozen=True)
class Follow:
    """Read server-sent events: each is given to `on_event` as its name and data."""

    path: str
    on_event: Callable[[str, str], object]


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Give:
    """One of several results."""

    value: Any


Step = Ask | Fetch | Follow | Pause | Give
T = TypeVar("T")
Flow = Generator[Step, Any, T]


def ask(request: Ask) -> Flow[Answered]:
    """A request, sent again where the service is busy or away. Raises ServiceError, Broken."""
    for attempt in range(TRIES):
        pause_s = min(0.5 * 2.0**attempt, PAUSE_MAX_S)
        try:
            answer: Answered = yield request
        except Broken:
            if attempt == TRIES - 1:
                raise
        else:
            if answer.status < 400:
                return answer
            if answer.status not in BUSY or attempt == TRIES - 1:
                raise ServiceError(answer.status, problem_of(answer))
            told = answer.headers.get("retry-after", "")
            pause_s = min(float(told), PAUSE_MAX_S) if told.isdecimal() else pause_s
        yield Pause(pause_s)
    raise AssertionError("unreachable")


def problem_of(answer: Answered) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def upload(collection: str, files: Sequence[FileLike], definition: Mapping[str, Any] | None) -> Flow[Asset]:
    """Store a motion or character; the same one is stored once, however often it is sent."""
    data = {} if definition is None else {"definition": json.dumps(definition)}
    answer = yield from ask(Ask("POST", f"/v1/{collection}", files=[("file", entry) for entry in files], data=data))
    return Asset.model_validate_json(answer.body)


def submit(
    motion: FileLike | Asset, character: FileLike | Asset, options: Mapping[str, Any], more: Mapping[str, Any]
) -> Flow[Job]:
    """A job; sent again, it is the same one."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    parts = {"motion": motion, "character": character}
    data = {"options": json.dumps(dict(options)), **{name: json.dumps(value) for name, value in more.items()}}
    data |= {name: value.id for name, value in parts.items() if isinstance(value, Asset)}
    files = [(name, value) for name, value in parts.items() if not isinstance(value, Asset)]
    if not files:
        body = {**{name: json.loads(text) for name, text in data.items() if name not in parts}}
        body |= {name: data[name] for name in parts}
        answer = yield from ask(Ask("POST", "/v1/jobs", headers=headers, json=body))
    else:
        answer = yield from ask(Ask("POST", "/v1/jobs", headers=headers, files=files, data=data))
    return Job.model_validate_json(answer.body)


def get_job(job_id: str) -> Flow[Job]:
    answer = yield from ask(Ask("GET", f"/v1/jobs/{job_id}"))
    return Job.model_validate_json(answer.body)


def cancel(job_id: str) -> Flow[Job]:
    answer = yield from ask(Ask("POST", f"/v1/jobs/{job_id}/cancel"))
    return Job.model_validate_json(answer.body)


def retry(job_id: str) -> Flow[Job]:
    """A new job that does it again."""
    answer = yield from ask(Ask("POST", f"/v1/jobs/{job_id}/retry"))
    return Job.model_validate_json(answer.body)


def wait(job_id: str, on_progress: Progress | None) -> Flow[Job]:
    """The job once it has ended. Follows its events and, where these do not come through, polls."""
    known = yield from get_job(job_id)
    ended: list[Job] = []

    def on_event(name: str, data: str) -> None:
        nonlocal known
        changes = json.loads(data)
        known = Job.model_validate(changes) if name == "done" else known.model_copy(update=changes)
        if name == "done":
            ended.append(known)
        if on_progress is not None:
            on_progress(known)

    with contextlib.suppress(Broken):
        yield Follow(f"/v1/jobs/{job_id}/events", on_event)
    if ended:
        return ended[0]
    tag = ""
    while True:
        headers = {"If-None-Match": tag} if tag else {}
        answer = yield from ask(Ask("GET", f"/v1/jobs/{job_id}", params={"wait": WAIT_S}, headers=headers))
        if answer.status == 304:
            continue
        tag, known = answer.headers.get("etag", ""), Job.model_validate_json(answer.body)
        if on_progress is not None:
            on_progress(known)
        if known.is_final:
            return known


def report(job_id: str) -> Flow[dict[str, Any]]:
    answer = yield from ask(Ask("GET", f"/v1/jobs/{job_id}/report"))
    found: dict[str, Any] = json.loads(answer.body)
    return found


def download(artifacts: Sequence[Artifact], folder: Path, names: Sequence[str] | None) -> Flow[list[Path]]:
    """Files of a result in a folder. What is there is not fetched again, what is there by half is gone on with."""
    paths = []
    for artifact in artifacts:
        if names is None or artifact.name in names:
            path = folder / Path(artifact.name).name
            yield from _download(artifact, path)
            paths.append(path)
    return paths


def _download(artifact: Artifact, path: Path) -> Flow[None]:
    if path.exists() and path.stat().st_size == artifact.bytes and _sha256(path) == artifact.sha256:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{artifact.sha256[:12]}.part")
    for attempt in range(TRIES):
        start = part.stat().st_size if part.exists() else 0
        if start >= artifact.bytes and part.exists():
            if _sha256(part) == artifact.sha256:
                part.replace(path)
                return
            part.unlink()
            start = 0
        try:
            yield Fetch(artifact.url, part, start)
        except Broken:
            yield Pause(min(0.5 * 2.0**attempt, PAUSE_MAX_S))
    raise Broken(f"{artifact.name} could not be fetched whole")


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def make_batch(
    motions: Sequence[FileLike | Asset],
    characters: Sequence[FileLike | Asset],
    options: Mapping[str, Any],
    metadata: Mapping[str, Any],
    name: str | None,
) -> Flow[Batch]:
    """A batch under a name made of what it holds, unless one is given: asked for again, it is the same one."""
    ids: dict[str, list[str]] = {}
    for collection, entries in (("motions", motions), ("characters", characters)):
        ids[collection] = []
        for entry in entries:
            asset = entry if isinstance(entry, Asset) else (yield from upload(collection, [entry], None))
            if asset.id not in ids[collection]:  # two files with the same content are one
                ids[collection].append(asset.id)
    body = {**ids, "options": dict(options), "metadata": dict(metadata)}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
    answer = yield from ask(Ask("PUT", f"/v1/batches/{name or f'content-{digest}'}", json=body))
    return Batch.model_validate_json(answer.body)


def get_batch(batch_id: str) -> Flow[Batch]:
    answer = yield from ask(Ask("GET", f"/v1/batches/{batch_id}"))
    return Batch.model_validate_json(answer.body)


def cancel_batch(batch_id: str) -> Flow[Batch]:
    answer = yield from ask(Ask("POST", f"/v1/batches/{batch_id}/cancel"))
    return Batch.model_validate_json(answer.body)


def retry_batch(batch_id: str) -> Flow[int]:
    """Have what failed done again; the number of items."""
    answer = yield from ask(Ask("POST", f"/v1/batches/{batch_id}/retry"))
    return int(json.loads(answer.body)["items"])


def wait_for_batch(batch_id: str, on_progress: Callable[[Batch], object] | None) -> Flow[Batch]:
    """The batch once it has ended."""
    tag = ""
    while True:
        batch, tag = yield from _batch_after(batch_id, tag)
        if on_progress is not None:
            on_progress(batch)
        if batch.is_final:
            return batch


def _batch_after(batch_id: str, tag: str) -> Flow[tuple[Batch, str]]:
    """The batch once it differs from the one with this tag."""
    while True:
        headers = {"If-None-Match": tag} if tag else {}
        params = {"wait": WAIT_S} if tag else {}
        answer = yield from ask(Ask("GET", f"/v1/batches/{batch_id}", params=params, headers=headers))
        if answer.status != 304:
            return Batch.model_validate_json(answer.body), answer.headers.get("etag", "")


def results(batch_id: str, folder: Path | None, names: Sequence[str] | None) -> Flow[None]:
    """Gives each item of a batch when it has ended, its files in `folder/NUMBER MOTION to CHARACTER` by then."""
    given: set[int] = set()
    first, tag = 0, ""
    while True:
        batch, tag = yield from _batch_after(batch_id, tag)
        cursor: int | None = first
        while cursor is not None:
            params = {"limit": PAGE, "cursor": cursor}
            answer = yield from ask(Ask("GET", f"/v1/batches/{batch_id}/items", params=params))
            page = json.loads(answer.body)
            cursor = None if page["next_cursor"] is None else int(page["next_cursor"])
            for item in (Item.model_validate(entry) for entry in page["data"]):
                if item.is_final and item.index not in given:
                    if folder is not None:
                        yield from download(item.artifacts, folder / folder_of(item), names)
                    given.add(item.index)
                    yield Give(item)
        while first in given:
            first += 1
        if batch.is_final:
            return


def folder_of(item: Item) -> str:
    """As in the zip of a batch's results."""
    return f"{item.index:05d} {_stem(item.motion_name)} to {_stem(item.character_name)}"


def _stem(name: str) -> str:
    text = name.rpartition("/")[2]
    text = (text.rpartition(".")[0] or text)[:60]
    return "".join(char if char.isalnum() or char in " ._-()" else "_" for char in text).strip(" .") or "file"
