"""Downloads: ranges, tags, names, media types, HEAD."""

from __future__ import annotations

import hashlib
import os

import pytest
from fastapi.testclient import TestClient

from service.files.blobs import CHUNK_BYTES, BlobStore, output_prefix
from service.http.headers import RangeNotSatisfiable, matches, parse_range
from service.jobs.store import JobStore
from tests.service_fixtures import finish_job, post_job

CONTENT = os.urandom(1000)
REPORT = b'{"schema": "report/1"}'


@pytest.fixture
def job_url(client: TestClient, store: JobStore, blobs: BlobStore) -> str:
    """A job that has succeeded with a GLB and a report."""
    job_id = post_job(client).json()["id"]
    files = {"walk.glb": ("model/gltf-binary", CONTENT), "report.json": ("application/json", REPORT)}
    finish_job(store, blobs, job_id, files)
    return f"/v1/jobs/{job_id}"


def test_the_whole_file(client: TestClient, job_url: str) -> None:
    response = client.get(f"{job_url}/artifacts/walk.glb")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-type"] == "model/gltf-binary"
    assert response.headers["content-length"] == "1000"
    assert response.headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert response.headers["content-disposition"] == 'attachment; filename="walk.glb"'
    assert response.headers["accept-ranges"] == "bytes"


def test_the_report(client: TestClient, job_url: str) -> None:
    response = client.get(f"{job_url}/report")
    assert (response.status_code, response.json()) == (200, {"schema": "report/1"})
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=900-", 900, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=-5000", 0, 1000),
        ("bytes=990-5000", 990, 1000),
    ],
)
def test_ranges(client: TestClient, job_url: str, header: str, start: int, stop: int) -> None:
    response = client.get(f"{job_url}/artifacts/walk.glb", headers={"Range": header})
    assert (response.status_code, response.content) == (206, CONTENT[start:stop])
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/1000"
    assert response.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=2000-3000", "bytes=-0"])
def test_ranges_outside(client: TestClient, job_url: str, header: str) -> None:
    response = client.get(f"{job_url}/artifacts/walk.glb", headers={"Range": header})
    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */1000")
    assert response.json()["code"] == "invalid-request"


@pytest.mark.parametrize("header", ["lines=0-1", "bytes=0-1,5-6", "bytes=-", "bytes=9-2", "bytes=a-b"])
def test_ranges_that_are_none(client: TestClient, job_url: str, header: str) -> None:
    assert client.get(f"{job_url}/artifacts/walk.glb", headers={"Range": header}).status_code == 200


def test_a_range_of_what_it_was(client: TestClient, job_url: str) -> None:
    url = f"{job_url}/artifacts/walk.glb"
    tag = client.get(url).headers["etag"]
    assert client.get(url, headers={"Range": "bytes=0-1", "If-Range": tag}).status_code == 206
    assert client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200


def test_unchanged(client: TestClient, job_url: str) -> None:
    url = f"{job_url}/artifacts/walk.glb"
    tag = client.get(url).headers["etag"]
    for header in (tag, f'"x", W/{tag}', "*"):
        response = client.get(url, headers={"If-None-Match": header})
        assert (response.status_code, response.content) == (304, b"")
    assert client.get(url, headers={"If-None-Match": '"x"'}).status_code == 200


def test_head(client: TestClient, job_url: str) -> None:
    response = client.head(f"{job_url}/artifacts/walk.glb")
    assert (response.status_code, response.headers["content-length"], response.content) == (200, "1000", b"")


def test_a_blob_that_is_gone(client: TestClient, job_url: str, blobs: BlobStore) -> None:
    blobs.delete_tree(output_prefix(job_url.rsplit("/", 1)[1]))
    response = client.get(f"{job_url}/artifacts/walk.glb")
    assert (response.status_code, response.json()["code"]) == (410, "expired")


def test_a_large_file_streams_in_pieces(blobs: BlobStore) -> None:
    content = os.urandom(2 * CHUNK_BYTES + 7)
    blobs.put("outputs/a/b/c", content)
    pieces = list(blobs.read_range("outputs/a/b/c", 5, len(content) - 1))
    assert b"".join(pieces) == content[5:-1]
    assert max(map(len, pieces)) <= CHUNK_BYTES


def test_header_algebra() -> None:
    for size in (1, 2, 50):
        for first in range(size):
            for last in range(first, size + 2):
                assert parse_range(f"bytes={first}-{last}", size) == (first, min(last + 1, size))
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)
    assert parse_range(None, 5) is None
    assert matches('W/"1"', '"1"') and not matches('"1"', '"2"')
