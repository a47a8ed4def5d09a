"""The contract of the job endpoints: what users script against."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore
from service.jobs.schemas import new_job_id
from service.jobs.store import JobStore
from service.jobs.views import JobView
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, finish_job, make_record, post_job, stored_files
from workers.contract.errors import MappingIncomplete


def test_posting_a_job(client: TestClient, store: JobStore, redis: Redis, blobs: BlobStore) -> None:
    response = post_job(client, options={"start": "origin", "clip": 1}, metadata={"shot": "sc012"})
    assert response.status_code == 202
    job = response.json()
    JobView.model_validate(job)
    assert response.headers["location"] == f"/v1/jobs/{job['id']}" == job["urls"]["self"]
    assert int(response.headers["retry-after"]) > 0
    assert (job["status"], job["object"], job["kind"], job["attempt"]) == ("queued", "job", "retarget", 0)
    assert job["metadata"] == {"shot": "sc012"}
    assert job["options"]["start"] == "origin" and job["options"]["root_motion"] == "keep"
    assert datetime.fromisoformat(job["created_at"]).tzinfo is not None
    assert job["input"]["motion"][0]["name"] == "walk.bvh" and job["input"]["motion"][0]["bytes"] == len(BVH)
    record = store.get(job["id"])
    assert blobs.read(record.input.motion[0].blob) == BVH
    assert blobs.read(record.input.character[0].blob) == GLB
    assert "blob" not in response.text and "execution_id" not in response.text
    assert redis.lrange("rq:queue:ingest", 0, -1) == [f"{job['id']}-1".encode()]


def test_a_character_may_be_many_files_and_a_source_character_may_come_too(client: TestClient, store: JobStore) -> None:
    files = [
        ("motion", ("walk.bvh", BVH)),
        ("character", ("hero.gltf", b"{}")),
        ("character", ("textures/skin.png", b"\x89PNG")),
        ("source_character", ("actor.glb", GLB)),
    ]
    record = store.get(client.post("/v1/jobs", files=files).json()["id"])
    assert [entry.name for entry in record.input.character] == ["hero.gltf", "textures/skin.png"]
    assert [entry.name for entry in record.input.source_character] == ["actor.glb"]


def test_polling(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    job_id = post_job(client).json()["id"]
    queued = client.get(f"/v1/jobs/{job_id}")
    assert queued.json()["queue_position"] == 0 and "retry-after" in queued.headers
    assert client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": queued.headers["etag"]}).status_code == 304
    store.claim(job_id, "e0", 30)
    store.progress(job_id, "e0", "mapping", 0.3)
    running = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": queued.headers["etag"]})
    assert running.status_code == 200 and running.headers["etag"] != queued.headers["etag"]
    assert (running.json()["status"], running.json()["stage"], running.json()["progress"]) == (
        "running",
        "mapping",
        0.3,
    )
    store.release(job_id, "e0")
    store.requeue(job_id, "e0", "its worker died")
    finish_job(store, blobs, job_id, {"walk.glb": ("model/gltf-binary", b"result")})
    done = client.get(f"/v1/jobs/{job_id}")
    assert "retry-after" not in done.headers
    assert done.json()["status"] == "succeeded" and done.json()["attempt"] == 2
    artifact = done.json()["result"]["artifacts"][0]
    assert artifact["url"] == f"/v1/jobs/{job_id}/artifacts/walk.glb" and artifact["expires_at"]
    assert client.get(artifact["url"]).content == b"result"
    assert client.get("/v1/jobs").json()["data"][0] == done.json()


def test_a_failed_job_carries_a_problem(client: TestClient, store: JobStore) -> None:
    job_id = post_job(client).json()["id"]
    store.claim(job_id, "e1", 30)
    error = MappingIncomplete("hero.glb: no joint for hips; give a mapping", roles=["hips"], candidates={"hips": ["a"]})
    store.fail(job_id, "e1", error.to_dict())
    response = client.get(f"/v1/jobs/{job_id}")
    assert response.status_code == 200
    problem = response.json()["error"]
    assert (problem["code"], problem["status"], problem["type"]) == (
        "mapping-incomplete",
        422,
        "/problems/mapping-incomplete",
    )
    assert problem["roles"] == ["hips"] and problem["candidates"] == {"hips": ["a"]}
    assert problem["retryable"] is False and problem["detail"] == error.detail


def test_waiting_answers_when_the_job_ends(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    job_id = post_job(client).json()["id"]
    timer = threading.Timer(0.3, finish_job, (store, blobs, job_id, {}))
    timer.start()
    started = time.monotonic()
    response = client.get(f"/v1/jobs/{job_id}?wait=5")
    assert response.json()["status"] == "succeeded"
    assert 0.25 < time.monotonic() - started < 5  # woken by the end of the job, not by the end of the wait
    timer.join()


def test_waiting_ends_unfinished_at_its_time(client: TestClient) -> None:
    job_id = post_job(client).json()["id"]
    started = time.monotonic()
    assert client.get(f"/v1/jobs/{job_id}?wait=0.3").json()["status"] == "queued"
    assert 0.25 < time.monotonic() - started < 5  # the longest wait there is


def test_waiting_with_a_tag_answers_at_the_next_change(client: TestClient, store: JobStore) -> None:
    response = post_job(client)
    job_id = response.json()["id"]
    timer = threading.Timer(0.3, store.claim, (job_id, "e1", 30))
    timer.start()
    changed = client.get(f"/v1/jobs/{job_id}?wait=5", headers={"If-None-Match": response.headers["etag"]})
    assert changed.status_code == 200 and changed.json()["status"] == "running"
    timer.join()


def test_waiting_for_a_job_that_is_deleted_meanwhile(client: TestClient, store: JobStore) -> None:
    job_id = post_job(client).json()["id"]
    timer = threading.Timer(0.2, store.delete, (job_id,))
    timer.start()
    assert client.get(f"/v1/jobs/{job_id}?wait=5").status_code == 404
    timer.join()


def test_cancel(client: TestClient, store: JobStore) -> None:
    queued = post_job(client).json()["id"]
    response = client.post(f"/v1/jobs/{queued}/cancel")
    assert (response.status_code, response.json()["status"]) == (200, "canceled")
    again = client.post(f"/v1/jobs/{queued}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "not-cancelable")

    running = post_job(client).json()["id"]
    store.claim(running, "e1", 30)
    response = client.post(f"/v1/jobs/{running}/cancel")
    assert (response.status_code, response.json()["status"]) == (202, "canceling")
    assert response.headers["location"] == f"/v1/jobs/{running}"
    assert not store.publish(running, "e1", {})
    assert client.get(f"/v1/jobs/{running}").json()["status"] == "canceled"
    assert client.post(f"/v1/jobs/{new_job_id()}/cancel").status_code == 404


def test_what_ended_before_it_ran_is_taken_back_from_the_queue(client: TestClient, redis: Redis) -> None:
    canceled, deleted = (post_job(client).headers["location"] for _ in range(2))
    assert redis.llen("rq:queue:ingest") == 2
    client.post(f"{canceled}/cancel")
    client.delete(deleted)
    assert list(redis.scan_iter("rq:job:*")) == []
    assert redis.llen("rq:queue:ingest") == 0


def test_delete_removes_everything(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings, redis: Redis
) -> None:
    done = post_job(client).json()["id"]
    finish_job(store, blobs, done, {"walk.glb": ("model/gltf-binary", b"result")})
    running = post_job(client).json()["id"]
    store.claim(running, "e1", 30)
    assert len(stored_files(settings)) == 3  # two shared uploads, one result
    assert client.delete(f"/v1/jobs/{done}").status_code == 204
    assert len(stored_files(settings)) == 2  # the running job still needs the uploads
    assert client.delete(f"/v1/jobs/{running}").status_code == 204
    assert stored_files(settings) == []
    assert store.progress(running, "e1", "scoring", 0.9) == "lost"
    assert client.get(f"/v1/jobs/{running}").status_code == 404
    assert client.delete(f"/v1/jobs/{running}").status_code == 404
    left = {key for key in redis.scan_iter("retarget:*") if b":duration:" not in key and b":figures:" not in key}
    assert left == {b"retarget:store-id"}


def test_lists(client: TestClient, store: JobStore) -> None:
    created = [make_record(store, id=f"job_01M8{index:022d}").id for index in range(25)]
    make_record(store, kind="inspect")
    first = client.get("/v1/jobs").json()
    assert [job["id"] for job in first["data"]] == created[:4:-1]
    second = client.get("/v1/jobs", params={"cursor": first["next_cursor"]}).json()
    assert [job["id"] for job in second["data"]] == created[4::-1] and second["next_cursor"] is None
    store.request_cancel(created[7])
    assert [job["id"] for job in client.get("/v1/jobs?status=canceled").json()["data"]] == [created[7]]
    assert len(client.get("/v1/jobs?kind=inspect").json()["data"]) == 1
    assert len(client.get("/v1/jobs?limit=100").json()["data"]) == 25
    for wrong in ("limit=0", "limit=101", "limit=x", "status=done", "cursor=abc", "kind=x"):
        response = client.get(f"/v1/jobs?{wrong}")
        assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
        assert response.json()["errors"][0]["pointer"] == f"/query/{wrong.split('=')[0]}"


def test_an_estimate_appears_once_jobs_have_been_done(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    assert post_job(client).json()["eta_s"] is None
    done = post_job(client).json()["id"]
    store.claim(done, "e1", 30)
    time.sleep(0.3)
    store.publish(done, "e1", {})
    running = post_job(client).json()["id"]
    store.claim(running, "e1", 30)
    assert 0 < client.get(f"/v1/jobs/{running}").json()["eta_s"] <= 0.4
    assert client.get(f"/v1/jobs/{done}").json()["eta_s"] == 0


def next_ingest_job(redis: Redis) -> str:
    """Waits for the next message in the queue, and takes it."""
    message: Any = redis.blpop(["rq:queue:ingest"], timeout=5)
    name: str = message[1].decode()
    return name.rsplit("-", 1)[0]


def test_inspect_answers_in_time(client: TestClient, store: JobStore, redis: Redis) -> None:
    def work() -> None:
        job_id = next_ingest_job(redis)
        assert store.claim(job_id, "e1", 30)
        assert store.publish(job_id, "e1", {"inspection": {"joints": 3, "schema": "inspection/1"}})

    worker = threading.Thread(target=work)
    worker.start()
    response = client.post("/v1/inspect", files={"file": ("walk.bvh", BVH)})
    worker.join()
    assert (response.status_code, response.json()) == (200, {"joints": 3, "schema": "inspection/1"})
    job = client.get(response.headers["content-location"]).json()
    assert job["kind"] == "inspect" and job["result"]["inspection"]["joints"] == 3


def test_inspect_hands_over_to_polling(settings: Settings, redis: Redis) -> None:
    with TestClient(create_app(settings.model_copy(update={"inspect_wait_s": 0.1}))) as client:
        response = client.post("/v1/inspect", files={"file": ("walk.bvh", BVH)})
        assert response.status_code == 202
        job = client.get(response.headers["location"]).json()
    assert (job["kind"], job["status"]) == ("inspect", "queued")
    assert redis.lrange("rq:queue:ingest", 0, -1) == [f"{job['id']}-1".encode()]


def test_inspect_passes_the_workers_error_on(client: TestClient, store: JobStore, redis: Redis) -> None:
    error = MappingIncomplete("walk.bvh: no joint for hips; give a mapping", roles=["hips"])

    def work() -> None:
        job_id = next_ingest_job(redis)
        store.claim(job_id, "e1", 30)
        store.fail(job_id, "e1", error.to_dict())

    worker = threading.Thread(target=work)
    worker.start()
    response = client.post("/v1/inspect", files={"file": ("walk.bvh", BVH)})
    worker.join()
    assert (response.status_code, response.json()["code"], response.json()["roles"]) == (422, error.code, ["hips"])


@pytest.mark.parametrize("path", ["/v1/jobs/{id}", "/v1/jobs/{id}/report", "/v1/jobs/{id}/artifacts/a.glb"])
def test_unknown_ids_are_not_found(client: TestClient, path: str) -> None:
    for job_id in (new_job_id(), "job_1", "..%2f", "é"):
        response = client.get(path.replace("{id}", job_id))
        assert (response.status_code, response.json()["code"]) == (404, "not-found")


def test_parallel_uploads_of_one_file_store_one_copy(client: TestClient, settings: Settings, store: JobStore) -> None:
    content = GLB + bytes(40_000)
    answers = []

    def upload() -> None:
        files = {"motion": ("a.glb", content), "character": ("b.glb", content)}
        answers.append(client.post("/v1/jobs", files=files))

    threads = [threading.Thread(target=upload) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [202] * 10
    assert [path.stat().st_size for path in stored_files(settings)] == [len(content)]
    for answer in answers[:-1]:
        client.delete(answer.headers["location"])
    assert len(stored_files(settings)) == 1
    client.delete(answers[-1].headers["location"])
    assert stored_files(settings) == []


def test_uploads_racing_deletions_never_lose_an_input(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    """The same content uploaded and deleted over and over: every job that lives has its inputs."""
    kept: list[str] = []

    def churn(keep: bool) -> None:
        for _ in range(6):
            location = post_job(client).headers["location"]
            if keep:
                kept.append(location.rsplit("/", 1)[1])
            else:
                assert client.delete(location).status_code == 204

    threads = [threading.Thread(target=churn, args=(index == 0,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 6
    for record in store.get_many(kept):
        assert all(blobs.exists(key) for key in record.input.blobs())


def test_expired_results_say_so(client: TestClient, store: JobStore, blobs: BlobStore, redis: Redis) -> None:
    job_id = post_job(client).json()["id"]
    finish_job(store, blobs, job_id, {"report.json": ("application/json", b"{}")})
    past = datetime.now(UTC) - timedelta(seconds=1)
    redis.hset(f"retarget:job:{job_id}", "expires_at", str(past.timestamp()))
    for path in ("report", "artifacts/report.json"):
        response = client.get(f"/v1/jobs/{job_id}/{path}")
        assert (response.status_code, response.json()["code"]) == (410, "expired")
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "succeeded"


def test_metadata_is_given_back_as_it_came(client: TestClient) -> None:
    metadata = {"name": "日本 \U0001f600", "nested": {"list": [1, 2.5, None, True]}, "empty": {}}
    job_id = post_job(client, metadata=metadata).json()["id"]
    assert client.get(f"/v1/jobs/{job_id}").json()["metadata"] == metadata
