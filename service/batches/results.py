"""All results of a batch: one line of JSON an item, or one zip. Both are made while they are sent, piece by piece, so
that a batch of any size takes the memory of one piece.

In the zip every item has a folder, `00012 walk to character`, and `results.jsonl` stands at its end. What is not there
any more is left out and named as `missing` in its line. Files are stored as they are: they hardly shrink.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from service.batches.items import Items
from service.batches.schemas import BatchRecord
from service.batches.views import ItemView
from service.files.blobs import BlobStore
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same results give the same bytes
NAME_CHARS = 60


class _Sink(io.RawIOBase):
    """Takes what the zip writer writes until somebody fetches it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def fetch(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def json_lines(jobs: JobStore, record: BatchRecord) -> Iterator[bytes]:
    """A line for each item, in their order."""
    for item, _ in Items(jobs, record).all():
        yield item.model_dump_json().encode() + b"\n"


def archive(jobs: JobStore, blobs: BlobStore, record: BatchRecord, names: Collection[str]) -> Iterator[bytes]:
    """A zip of the artifacts of these names, all where none is named."""
    sink, lines = _Sink(), io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as written:
        for item, job in Items(jobs, record).all():
            missing: list[str] = []
            yield from _files_of(written, sink, blobs, item, job, names, missing)
            line = item.model_dump(mode="json") | ({"missing": missing} if missing else {})
            lines.write(json.dumps(line).encode() + b"\n")
        written.writestr(zipfile.ZipInfo("results.jsonl", EPOCH), lines.getvalue(), zipfile.ZIP_DEFLATED)
    yield sink.fetch()


def _files_of(
    written: zipfile.ZipFile,
    sink: _Sink,
    blobs: BlobStore,
    item: ItemView,
    job: JobRecord | None,
    names: Collection[str],
    missing: list[str],
) -> Iterator[bytes]:
    for artifact in job.result.artifacts if job is not None and job.result is not None else []:
        if names and artifact.name not in names:
            continue
        try:
            handle = blobs.open(artifact.blob)
        except FileNotFoundError:
            missing.append(artifact.name)
            continue
        info = zipfile.ZipInfo(f"{folder_of(item)}/{artifact.name}", EPOCH)
        with handle, written.open(info, "w", force_zip64=artifact.bytes >= 2**31) as entry:
            while chunk := handle.read(2**20):
                entry.write(chunk)
                yield sink.fetch()
        yield sink.fetch()


def folder_of(item: ItemView) -> str:
    """The item's folder: its number and what it is made of."""
    return f"{item.index:05d} {_stem(item.motion_name)} to {_stem(item.character_name)}"


def _stem(name: str) -> str:
    text = PurePosixPath(name).stem[:NAME_CHARS]
    return "".join(char if char.isalnum() or char in " ._-()" else "_" for char in text).strip(" .") or "file"
