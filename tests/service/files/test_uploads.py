"""The streamed form: however the network cuts a body, it is the same form."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from starlette.requests import Request

from service.files.blobs import BlobStore
from service.files.form import HEAD_BYTES, receive_form
from service.files.reception import Reception
from service.files.store_marker import StoreMarker
from service.settings import Settings
from workers.contract.errors import InvalidRequest

SETTINGS = Settings(blob_url="memory://uploads", upload_max_bytes=100_000, min_free_disk_ratio=0)


def request_of(chunks: list[bytes], boundary: str) -> Request:
    """A request whose body comes in these pieces."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting = iter([*messages, {"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return next(waiting)

    headers = [(b"content-type", f'multipart/form-data; boundary="{boundary}"'.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def reception_at(blobs: BlobStore) -> Reception:
    """One that asks nobody whether the store is the right one."""

    class Proven(StoreMarker):
        def ensure(self) -> None:
            return

    return Reception(blobs, Proven(Redis(), blobs), SETTINGS)


async def receive(
    chunks: list[bytes], blobs: BlobStore, boundary: str
) -> tuple[dict[str, list[Any]], dict[str, bytes]]:
    request = request_of(chunks, boundary)
    async with receive_form(request, reception_at(blobs), file_parts=["file"], text_parts=["options"]) as form:
        files = {
            part: [(entry.name, entry.writer.sha256, entry.writer.bytes, entry.head) for entry in entries]
            for part, entries in form.files.items()
        }
        return files, form.texts


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=6000), min_size=1, max_size=4), st.binary(max_size=50), st.lists(st.integers(0, 30_000))
)
def test_any_cut_gives_the_same_form(contents: list[bytes], text: bytes, cuts: list[int]) -> None:
    boundary = "x" * 40
    blobs = BlobStore("memory://uploads")
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{index}.glb"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for index, content in enumerate(contents)
    )
    body += f'--{boundary}\r\ncontent-disposition: form-data; name="options"\r\n\r\n'.encode() + text
    body += f"\r\n--{boundary}--\r\n".encode()
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    chunks = [body[start:stop] for start, stop in itertools.pairwise(edges)]
    files, texts = asyncio.run(receive(chunks, blobs, boundary))
    assert texts == {"options": text}
    assert files["file"] == [
        (f"{index}.glb", hashlib.sha256(content).hexdigest(), len(content), content[:HEAD_BYTES])
        for index, content in enumerate(contents)
    ]
    assert list(blobs.list("unfinished")) == []


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_garbage_is_an_invalid_request_and_leaves_nothing(garbage: bytes, position: int) -> None:
    """Any bytes spliced into a good body: it is still a form, or one typed error."""
    blobs = BlobStore("memory://uploads")
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.glb"\r\n\r\nglTF\r\n--b--\r\n'
    try:
        asyncio.run(receive([body[:position] + garbage + body[position:]], blobs, "b"))
    except InvalidRequest as error:
        assert "\n" not in error.detail
    assert list(blobs.list("unfinished")) == []


def test_a_quoted_boundary_and_an_epilogue() -> None:
    body = b'--b c\r\nContent-Disposition: form-data; name="file"; filename="a.glb"\r\n\r\nglTF\r\n--b c--\r\nepilogue'
    files, _ = asyncio.run(receive([body], BlobStore("memory://uploads"), "b c"))
    assert files["file"][0][2] == 4


@pytest.mark.parametrize("boundary", ["", "é" * 10])
def test_odd_boundaries(boundary: str) -> None:
    with pytest.raises(InvalidRequest):
        asyncio.run(receive([b"--x\r\n"], BlobStore("memory://uploads"), boundary))
