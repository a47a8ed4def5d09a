"""One error shape for everything, and uploads that are refused early, completely, and without leftovers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore
from service.http.errors import Problem
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, RedisServer, make_record, post_job, stored_files
from workers.contract.errors import ERRORS_BY_CODE

BOUNDARY = "b0undary"
HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def problem_of(response: httpx2.Response, status: int, code: str) -> Problem:
    """The response's problem object, checked for what every problem has."""
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(response.json())
    assert problem.status == status and problem.type == f"/problems/{code}"
    assert problem.request_id == response.headers["x-request-id"]
    assert problem.instance == response.request.url.path
    assert "\n" not in problem.detail and "Traceback" not in response.text
    if problem.retry_after is not None:
        assert response.headers["retry-after"] == str(problem.retry_after)
    return problem


def part(name: str, content: bytes, file_name: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{file_name}"' if file_name is not None else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
MOTION = part("motion", BVH, "walk.bvh")
CHARACTER = part("character", GLB, "hero.glb")


def test_paths_and_methods(client: TestClient) -> None:
    problem_of(client.get("/v1/nothing"), 404, "not-found")
    response = client.put("/v1/jobs")
    problem_of(response, 405, "invalid-request")
    assert response.headers["allow"] == "GET, HEAD, POST"


def test_request_ids_are_echoed_or_made(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "ci-42"}).headers["x-request-id"] == "ci-42"
    for bad in ("a b", "x" * 200, "<script>"):
        made = client.get("/healthz", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert made != bad and made.startswith("req_")


def test_unexpected_failures_are_internal_without_a_traceback(app: FastAPI) -> None:
    @app.get("/boom")
    def boom() -> None:
        raise ZeroDivisionError("secret detail")

    with TestClient(app, raise_server_exceptions=False) as client:
        problem = problem_of(client.get("/boom"), 500, "internal")
    assert "secret" not in problem.detail and str(problem.request_id) in problem.detail


@pytest.mark.parametrize("code", sorted(ERRORS_BY_CODE))
def test_every_code_has_a_page(client: TestClient, code: str) -> None:
    page = client.get(f"/problems/{code}").json()
    assert page["code"] == code and page["status"] == ERRORS_BY_CODE[code].status and len(page["description"]) > 20


def test_an_unknown_code_has_none(client: TestClient) -> None:
    problem_of(client.get("/problems/nonsense"), 404, "not-found")


@pytest.mark.parametrize(
    ("options", "pointers"),
    [
        ('{"colour": "red"}', ["/options/colour"]),
        ('{"start": "here", "seed": -1}', ["/options/start", "/options/seed"]),
        ('{"mapping": {"target": {"hips": {"index": -1}}}}', None),
        ("{", ["/options"]),
        ("[]", ["/options"]),
        ('{"start_s": 2, "end_s": 1}', ["/options"]),
        ("[" * 15_000, ["/options"]),
    ],
)
def test_wrong_options(client: TestClient, settings: Settings, options: str, pointers: list[str] | None) -> None:
    files = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB)}
    problem = problem_of(client.post("/v1/jobs", files=files, data={"options": options}), 422, "invalid-options")
    assert problem.errors
    if pointers is not None:
        assert [item.pointer for item in problem.errors] == pointers
    assert stored_files(settings) == []


@pytest.mark.parametrize("metadata", ["[]", "{", "1", '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 10_000])
def test_wrong_metadata(client: TestClient, settings: Settings, metadata: str) -> None:
    files = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB)}
    problem = problem_of(client.post("/v1/jobs", files=files, data={"metadata": metadata}), 422, "invalid-request")
    assert problem.errors[0].pointer == "/metadata"
    assert stored_files(settings) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (MOTION + END, "/character"),
        (CHARACTER + END, "/motion"),
        (END, "/motion"),
        (MOTION + CHARACTER + part("colour", b"red") + END, "/colour"),
        (part("motion", BVH) + CHARACTER + END, "/motion"),
        (MOTION + CHARACTER + CHARACTER + END, "/character"),
        (MOTION + CHARACTER + part("options", b"{}") + part("options", b"{}") + END, "/options"),
        (MOTION + CHARACTER + part("options", b" " * 20_001) + END, "/options"),
        (MOTION + CHARACTER, None),
        (MOTION + CHARACTER[:-10], None),
        (b"", None),
        (b"hello", None),
        (b"".join(part("character", GLB, f"{index}.glb") for index in range(11)) + END, None),
        (b"--" + BOUNDARY.encode() + b"\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n\r\n" + END, None),
        (b"--" + BOUNDARY.encode() + b"\r\n" + b"X: y\r\n" * 1000 + b"\r\n\r\n" + END, None),
        (f"--{BOUNDARY}\r\n\r\nno disposition\r\n".encode() + END, "/"),
    ],
)
def test_malformed_forms(client: TestClient, settings: Settings, body: bytes, pointer: str | None) -> None:
    problem = problem_of(client.post("/v1/jobs", content=body, headers=HEADERS), 422, "invalid-request")
    if pointer is not None:
        assert pointer in [item.pointer for item in problem.errors]
    assert stored_files(settings) == []


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", ""])
def test_other_bodies_are_told_to_be_multipart(client: TestClient, content_type: str) -> None:
    response = client.post("/v1/jobs", content=b'{"motion": "mot_1"}', headers={"content-type": content_type})
    assert "multipart/form-data" in problem_of(response, 422, "invalid-request").detail


@pytest.mark.parametrize(
    ("name", "content"),
    [("walk.bvh", b""), ("walk.bvh", b"\x89PNG\r\n"), ("walk.bvh", GLB), ("walk.fbx", b"<html></html>")],
)
def test_what_is_obviously_no_scene_is_refused_at_once(
    client: TestClient, settings: Settings, name: str, content: bytes
) -> None:
    files = {"motion": (name, content), "character": ("hero.glb", GLB)}
    assert name in problem_of(client.post("/v1/jobs", files=files), 415, "unsupported-format").detail
    problem_of(client.post("/v1/inspect", files={"file": (name, content)}), 415, "unsupported-format")
    assert stored_files(settings) == []


def test_large_uploads_are_refused_at_the_cap(client: TestClient, settings: Settings) -> None:
    at_cap = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB + bytes(100_000 - len(BVH) - len(GLB)))}
    assert client.post("/v1/jobs", files=at_cap).status_code == 202
    before = stored_files(settings)
    over = {"motion": ("walk.bvh", BVH + b"\n"), "character": at_cap["character"]}
    problem = problem_of(client.post("/v1/jobs", files=over), 413, "file-too-large")
    assert problem.model_extra == {"limit": 100_000}
    assert stored_files(settings) == before


def test_an_announced_length_over_the_cap_is_refused_unread(client: TestClient) -> None:
    """The body itself is short: only its announced length can be the reason."""
    response = client.post("/v1/jobs", content=b"", headers={**HEADERS, "content-length": str(10**10)})
    problem_of(response, 413, "file-too-large")


def test_a_full_queue(settings: Settings, store: JobStore) -> None:
    with TestClient(create_app(settings.model_copy(update={"queue_depth_max": 2}))) as client:
        assert [post_job(client).status_code for _ in range(2)] == [202, 202]
        problem = problem_of(post_job(client), 429, "queue-full")
        assert problem.retryable and problem.retry_after
        problem_of(client.post("/v1/inspect", files={"file": ("walk.bvh", BVH)}), 429, "queue-full")
        store.claim(store.queued_ids()[0], "e1", 30)
        assert post_job(client).status_code == 202


def test_uploads_beyond_the_cap_are_refused_for_the_moment(settings: Settings, store: JobStore) -> None:
    app = create_app(settings.model_copy(update={"uploads_max": 1}))
    with TestClient(app) as client:
        with app.state.context.reception.place():
            assert problem_of(post_job(client), 503, "unavailable").retry_after == 2
            problem_of(client.post("/v1/jobs", json={}), 503, "unavailable")
            assert client.get("/v1/jobs").status_code == 200
        assert post_job(client).status_code == 202


def test_a_full_disk(settings: Settings, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(create_app(settings.model_copy(update={"min_free_disk_ratio": 0.05}))) as client:
        monkeypatch.setattr(BlobStore, "free_disk_ratio", lambda self: 0.049)
        problem = problem_of(post_job(client), 503, "unavailable")
        assert problem.retry_after == 60
        assert "disk" in problem_of(client.get("/readyz"), 503, "unavailable").detail
        monkeypatch.setattr(BlobStore, "free_disk_ratio", lambda self: 0.051)
        assert post_job(client).status_code == 202


def test_a_disk_that_fills_up_during_the_upload(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, chunk: object) -> int:
            raise OSError(28, "No space left on device")

    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(BlobStore, "open_for_writing", lambda self, key: Full())
    problem_of(post_job(client), 503, "unavailable")
    assert stored_files(settings) == []


def test_a_failure_after_the_upload_leaves_nothing_behind(
    app: FastAPI, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("service.jobs.intake.submit", broken)
    with TestClient(app, raise_server_exceptions=False) as client:
        problem_of(post_job(client), 500, "internal")
    assert stored_files(settings) == []
    assert list(redis.scan_iter("retarget:*")) == [b"retarget:store-id"]


def test_redis_gone_and_back(tmp_path: Path, settings: Settings) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        own = settings.model_copy(update={"redis_url": server.url})
        with TestClient(create_app(own)) as client:
            job_id = post_job(client).json()["id"]
            server.stop()
            for response in (
                client.get(f"/v1/jobs/{job_id}"),
                client.get("/v1/jobs"),
                client.post(f"/v1/jobs/{job_id}/cancel"),
                client.delete(f"/v1/jobs/{job_id}"),
                client.get(f"/v1/jobs/{job_id}/report"),
                post_job(client),
                client.get("/readyz"),
            ):
                problem = problem_of(response, 503, "unavailable")
                assert problem.retryable and problem.retry_after
            assert client.get("/healthz").status_code == 200
            server.start()
            assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "queued"
            assert client.get("/readyz").json()["status"] == "ready"
    finally:
        server.stop()


def test_readiness_names_what_is_wrong(client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    body = client.get("/readyz").json()
    assert body["status"] == "ready" and body["workers"] == {"ingest": 0, "retarget": 0}

    def read_only(self: BlobStore) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(BlobStore, "check_writable", read_only)
    problem = problem_of(client.get("/readyz"), 503, "unavailable")
    assert problem.model_extra is not None and problem.model_extra["checks"]["blobs"]["ok"] is False
    assert "read-only" not in json.dumps(problem.model_extra)


def test_results_that_are_not_there(client: TestClient, store: JobStore) -> None:
    queued = make_record(store).id
    assert problem_of(client.get(f"/v1/jobs/{queued}/report"), 409, "not-ready").retry_after
    problem_of(client.get(f"/v1/jobs/{queued}/artifacts/a.glb"), 409, "not-ready")
    store.claim(queued, "e1", 30)
    store.publish(queued, "e1", {})
    assert "report.json" in problem_of(client.get(f"/v1/jobs/{queued}/report"), 404, "not-found").detail
    problem_of(client.get(f"/v1/jobs/{queued}/artifacts/a.glb"), 404, "not-found")
    expired = make_record(store).id
    store.expire(expired)
    problem_of(client.get(f"/v1/jobs/{expired}/report"), 410, "expired")
