"""What a request says beside its body is honoured or refused, never silently ignored."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore
from service.jobs import intake, queue
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, finish_job, make_record, post_job

FILES = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB)}


def keyed(client: TestClient, key: str, **parts: Any) -> Any:
    data = {name: json.dumps(value) for name, value in parts.items()}
    return client.post("/v1/jobs", files=FILES, data=data, headers={"Idempotency-Key": key})


def test_unknown_query_parameters_are_refused(client: TestClient) -> None:
    job_id = post_job(client).json()["id"]
    for path in ("/v1/jobs?state=queued", f"/v1/jobs/{job_id}?wiat=3", "/readyz?x=1", "/v1/models?limit=1"):
        response = client.get(path)
        assert (response.status_code, response.json()["code"]) == (422, "invalid-request"), path
        name = path.partition("?")[2].partition("=")[0]
        assert response.json()["errors"][0]["pointer"] == f"/query/{name}"
    assert client.post("/v1/jobs?options=%7B%7D", files=FILES).status_code == 422
    assert client.head(f"/v1/jobs/{job_id}?wait=0").status_code == 200
    assert "it takes" in client.get("/v1/jobs?state=queued").json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v1/jobs", "GET, HEAD, POST"),
        ("POST", "/v1/jobs/job_1", "DELETE, GET, HEAD, PUT"),
        ("GET", "/v1/jobs/job_1/cancel", "POST"),
        ("POST", "/v1/jobs/job_1/report", "GET, HEAD"),
        ("POST", "/v1/jobs/job_1/artifacts/a.glb", "GET, HEAD"),
        ("DELETE", "/v1/motions", "GET, HEAD, POST"),
        ("POST", "/v1/characters/chr_1", "DELETE, GET, HEAD"),
        ("POST", "/v1/mappings/map_1", "DELETE, GET, HEAD"),
        ("DELETE", "/readyz", "GET, HEAD"),
    ],
)
def test_allow_is_complete(client: TestClient, method: str, path: str, allowed: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 405 and response.headers["allow"] == allowed


def test_prefer_wait_answers_when_the_job_has_ended(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    def work() -> None:
        while not (waiting := store.queued_ids()):
            time.sleep(0.01)
        finish_job(store, blobs, waiting[0], {})

    worker = threading.Thread(target=work)
    worker.start()
    response = client.post("/v1/jobs", files=FILES, headers={"Prefer": "respond-async, wait=4"})
    worker.join()
    assert (response.status_code, response.json()["status"]) == (200, "succeeded")
    assert response.headers["preference-applied"] == "wait=4" and "location" in response.headers
    late = client.post("/v1/jobs", files=FILES, headers={"Prefer": "wait=0.1"})
    assert (late.status_code, late.json()["status"]) == (202, "queued")
    polled = client.get(late.headers["location"], headers={"Prefer": "wait=0.1"})
    assert polled.json()["status"] == "queued"
    assert client.post("/v1/jobs", files=FILES, headers={"Prefer": "wait=soon"}).status_code == 202


@pytest.mark.parametrize(("fail_on", "met"), [(None, None), ("review", True), ("fail", False)])
def test_fail_on_is_told_beside_the_state(
    client: TestClient, store: JobStore, fail_on: str | None, met: bool | None
) -> None:
    posted = post_job(client, options={"fail_on": fail_on}).json()
    assert posted["fail_on_met"] is None
    assert store.claim(posted["id"], "e1", 30)
    assert store.publish(posted["id"], "e1", {"verdict": "review"})
    job = client.get(f"/v1/jobs/{posted['id']}").json()
    assert (job["status"], job["result"]["verdict"], job["fail_on_met"]) == ("succeeded", "review", met)


def test_the_same_request_again_gets_the_first_answer(client: TestClient, store: JobStore) -> None:
    first = keyed(client, "k-1", options={"start": "origin"}, metadata={"b": 1, "a": 2})
    assert first.status_code == 202 and "idempotency-replayed" not in first.headers
    store.claim(first.json()["id"], "e1", 30)
    again = keyed(client, "k-1", options={"start": "origin"}, metadata={"a": 2, "b": 1})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    first_body = {**first.json(), "queue_position": None}
    assert {**again.json(), "queue_position": None} == first_body
    assert again.headers["location"] == first.headers["location"]
    assert len(client.get("/v1/jobs").json()["data"]) == 1


def test_the_same_key_with_another_request_is_refused(client: TestClient) -> None:
    assert keyed(client, "k-1").status_code == 202
    other = keyed(client, "k-1", options={"start": "origin"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    assert keyed(client, "k-2", options={"start": "origin"}).status_code == 202


def test_a_key_in_use_is_a_conflict_and_is_free_after_a_failure(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    submit = queue.submit

    def slow(*arguments: Any) -> None:
        answers.append(keyed(client, "k-1"))
        submit(*arguments)

    monkeypatch.setattr(intake, "submit", slow)
    assert keyed(client, "k-1").status_code == 202
    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "idempotency-conflict")
    monkeypatch.undo()
    assert keyed(client, "k-2", options={"start": "nowhere"}).status_code == 422
    assert keyed(client, "k-2").status_code == 202


def test_a_gateway_that_died_before_it_answered_leaves_no_second_job(
    client: TestClient, redis: Redis, store: JobStore
) -> None:
    """The key and the job are one transaction; the answer's body is made anew where it was not written down."""
    job_id = keyed(client, "k-1").json()["id"]
    (name,) = redis.scan_iter("retarget:idempotency:*")
    known = json.loads(redis.get(name))  # type: ignore[arg-type]
    redis.set(name, json.dumps({key: known[key] for key in ("fingerprint", "job_id")}))
    again = keyed(client, "k-1")
    assert (again.status_code, again.json()["id"], again.headers["idempotency-replayed"]) == (202, job_id, "true")


def test_a_key_works_for_a_json_body_and_is_refused_where_it_means_nothing(client: TestClient) -> None:
    motion = client.post("/v1/motions", files={"file": FILES["motion"]}).json()["id"]
    character = client.post("/v1/characters", files={"file": FILES["character"]}).json()["id"]
    body = {"motion": motion, "character": character}
    jobs = [client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"}).json()["id"] for _ in range(2)]
    assert jobs[0] == jobs[1]
    refused = client.post("/v1/mappings", json={}, headers={"Idempotency-Key": "k"})
    assert refused.status_code == 422 and "Idempotency-Key" in refused.json()["detail"]
    for key in ("", "x" * 256, "a b"):
        assert keyed(client, key).json()["code"] == "invalid-request"


def test_head_is_there_wherever_get_is(client: TestClient, openapi_document: dict[str, Any], store: JobStore) -> None:
    job_id = make_record(store).id
    for path, operations in openapi_document["paths"].items():
        if "get" in operations and not path.endswith("/events"):
            address = path.replace("{job_id}", job_id).replace("{name}", "eye").replace("{code}", "not-found")
            got, head = client.get(address), client.head(address)
            assert head.status_code == got.status_code and head.content == b"", address
            assert head.headers["content-type"] == got.headers["content-type"], address


def test_texts_are_packed_and_results_are_not(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    job_id = post_job(client).json()["id"]
    finish_job(store, blobs, job_id, {"walk.glb": ("model/gltf-binary", bytes(5000))})
    packed = {"Accept-Encoding": "gzip"}
    assert client.get(f"/v1/jobs/{job_id}", headers=packed).headers["content-encoding"] == "gzip"
    result = client.get(f"/v1/jobs/{job_id}/artifacts/walk.glb", headers=packed)
    assert "content-encoding" not in result.headers and len(result.content) == 5000


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Host": "127.0.0.1:8000"}, 202),
        ({"Host": "[::1]:8000"}, 202),
        ({"Host": "localhost"}, 202),
        ({"Host": "192.168.1.20:8000"}, 202),  # an address cannot be made to lead elsewhere
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 202),
        ({"Host": "localhost:8000", "Origin": "http://localhost:9000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
    ],
)
def test_pages_of_others_reach_nothing(client: TestClient, headers: dict[str, str], status: int) -> None:
    response = client.post("/v1/jobs", files=FILES, headers=headers)
    assert response.status_code == status, response.text
    assert client.get("/v1/jobs", headers={"Host": headers.get("Host", "localhost")}).status_code == (
        403 if "evil" in headers.get("Host", "") or headers.get("Host") == "[::1" else 200
    )


def test_a_page_that_is_allowed_may_post_and_read(settings: Settings, store: JobStore) -> None:
    own = settings.model_copy(update={"cors_origins": "https://studio.example, https://other.example"})
    with TestClient(create_app(own)) as client:
        ask = {"Origin": "https://studio.example", "Access-Control-Request-Method": "POST"}
        asked = client.options("/v1/jobs", headers=ask)
        assert asked.status_code == 200 and asked.headers["access-control-allow-origin"] == ask["Origin"]
        posted = client.post("/v1/jobs", files=FILES, headers={"Origin": "https://studio.example"})
        assert posted.status_code == 202 and "Location" in posted.headers["access-control-expose-headers"]
        assert client.post("/v1/jobs", files=FILES, headers={"Origin": "https://evil.example"}).status_code == 403


def test_the_access_log_tells_each_request_in_one_line(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "retarget.access")
    client.get("/v1/jobs/x%0aINFO%20forged%1b[31m?wait=0", headers={"X-Request-ID": "req-7"})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "retarget.access"]
    assert "\n" not in line and "\x1b" not in line and "wait" not in line
    assert '"/v1/jobs/x\\nINFO forged\\u001b[31m"' in line and " 404 " in line and "req-7" in line
