"""A request that was answered before is answered at once, without waiting for its turn behind others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore
from service.jobs import results
from service.jobs.queue import INGEST, RETARGET, queue
from service.jobs.registry import Abilities, register, sign_off
from service.jobs.store import JobStore
from service.keys import caller
from service.keys.store import KeyStore
from service.settings import Settings
from service.webhooks.signing import new_secret
from tests.service_fixtures import BVH, GLB, finish_job

FILES = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB)}
MADE = {"result.glb": ("model/gltf-binary", b"result"), "report.json": ("application/json", b"{}")}
Headers = dict[str, str]


def worker(redis: Redis, name: str = "one", circumstances: str = "here", queues: tuple[str, ...] = (RETARGET,)) -> None:
    """A worker that lives, and tells what its results depend on for jobs that name no encoder."""
    told = {"": circumstances, "none": f"{circumstances}, unscored"}
    lists: dict[str, list[str]] = {key: [] for key in ("methods", "refine", "encoders", "preview")}
    register(redis, name, Abilities(queues=list(queues), device="auto", circumstances=told, **lists), 30)


def answered(client: TestClient, store: JobStore, blobs: BlobStore, headers: Headers | None = None) -> str:
    """The id of a job that a worker has done and remembered."""
    job_id = str(client.post("/v1/jobs", files=FILES, headers=headers).json()["id"])
    record = store.get(job_id)
    request = results.request_digest(record, [])
    assert request is not None
    finish_job(store, blobs, job_id, MADE)
    results.remember(store, request, "here", record)
    return job_id


def test_a_known_result_does_not_wait_behind_a_full_queue(
    client: TestClient, store: JobStore, blobs: BlobStore, redis: Redis
) -> None:
    worker(redis)
    first = answered(client, store, blobs)
    waiting = [client.post("/v1/jobs", files=FILES, data={"options": f'{{"seed": {n}}}'}).json() for n in range(1, 9)]
    turns = redis.get("retarget:turn:retarget")
    queued = len(queue(redis, INGEST))
    response = client.post("/v1/jobs", files=FILES, headers={"Idempotency-Key": "again"})
    job = response.json()
    assert (response.status_code, job["status"], job["progress"]) == (202, "succeeded", 1.0)
    assert response.headers["location"] == job["urls"]["self"] and "retry-after" not in response.headers
    assert job["result"]["cached_from"] == first and job["result"]["verdict"] == "pass"
    assert job["engine"]["method"] == "analytic" and job["started_at"] and job["finished_at"] and job["expires_at"]
    assert client.get(job["urls"]["self"]).json()["result"] == job["result"]
    assert client.get(job["urls"]["report"]).json() == {}
    assert client.get("/v1/jobs?status=succeeded").json()["data"][0]["id"] == job["id"]
    assert "event: done" in client.get(job["urls"]["events"]).text
    assert client.post(job["urls"]["cancel"]).json()["code"] == "not-cancelable"
    assert len(queue(redis, INGEST)) == queued and redis.get("retarget:turn:retarget") == turns
    assert [client.get(one["urls"]["self"]).json()["queue_position"] for one in waiting] == list(range(8))
    replay = client.post("/v1/jobs", files=FILES, headers={"Idempotency-Key": "again"})
    assert replay.json()["id"] == job["id"] and replay.headers["idempotency-replayed"] == "true"
    assert client.post("/v1/jobs", files=FILES, headers={"Prefer": "wait=5"}).status_code == 200
    named = client.put("/v1/jobs/shot-1", files=FILES).json()
    assert named["status"] == "succeeded" and client.get("/v1/jobs/shot-1").json()["id"] == named["id"]
    assert client.delete(f"/v1/jobs/{first}").status_code == 204
    assert client.get(f"{job['urls']['self']}/artifacts/result.glb").content == b"result", "its files are its own"


def elsewhere(redis: Redis) -> None:
    worker(redis, "two", "elsewhere")


def gone(redis: Redis) -> None:
    sign_off(redis, "one")


def changed(redis: Redis) -> None:
    worker(redis, "one", "another engine")


@pytest.mark.parametrize("happens", [elsewhere, gone, changed])
def test_where_the_workers_might_say_otherwise_the_job_waits_for_one(
    client: TestClient, store: JobStore, blobs: BlobStore, redis: Redis, happens: Callable[[Redis], None]
) -> None:
    worker(redis)
    worker(redis, "reader", "of no account", (INGEST,))
    answered(client, store, blobs)
    assert client.post("/v1/jobs", files=FILES).json()["status"] == "succeeded"
    happens(redis)
    assert client.post("/v1/jobs", files=FILES).json()["status"] == "queued"


@pytest.mark.parametrize(
    "asked",
    [
        {"headers": {"Cache-Control": "no-cache"}},
        {"data": {"options": '{"seed": 3}'}},
        {"data": {"options": '{"encoder": "none"}'}},
        {"data": {"options": '{"refine": "geometry", "refine_budget_s": 5}'}},
        {"data": {"definition": '{"height_m": 1.7}'}},
        {"files": {**FILES, "motion": ("run.bvh", BVH)}},
        {"files": {**FILES, "motion": ("walk.bvh", BVH + b"\n")}},
    ],
)
def test_another_request_is_made(
    client: TestClient, store: JobStore, blobs: BlobStore, redis: Redis, asked: dict[str, Any]
) -> None:
    worker(redis)
    answered(client, store, blobs)
    assert client.post("/v1/jobs", **{"files": FILES, **asked}).json()["status"] == "queued"


def test_a_result_whose_files_are_gone_is_made_anew(
    client: TestClient, store: JobStore, blobs: BlobStore, redis: Redis, settings: Settings
) -> None:
    worker(redis)
    result = store.get(answered(client, store, blobs)).result
    assert result is not None
    blobs.delete(result.artifacts[0].blob)
    job = client.post("/v1/jobs", files=FILES).json()
    assert job["status"] == "queued" and job["queue_position"] == 0
    with TestClient(create_app(settings.model_copy(update={"result_cache": False}))) as without:
        assert without.post("/v1/jobs", files=FILES).json()["status"] == "queued"


def test_only_the_callers_own_results_are_taken(
    settings: Settings, store: JobStore, blobs: BlobStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "REMEMBERED_S", 0.0)
    keys = KeyStore(redis)
    mine, yours = (
        {"Authorization": f"Bearer {keys.create(name, ['jobs:read', 'jobs:write'])[1]}"} for name in ("mine", "yours")
    )
    worker(redis)
    with TestClient(create_app(settings.model_copy(update={"keys": "on"}))) as client:
        answered(client, store, blobs, mine)
        states = [client.post("/v1/jobs", files=FILES, headers=who).json()["status"] for who in (mine, yours)]
    assert states == ["succeeded", "queued"]


def test_hits_tell_webhooks_and_do_not_shorten_estimates(
    client: TestClient, store: JobStore, blobs: BlobStore, redis: Redis
) -> None:
    worker(redis)
    answered(client, store, blobs)
    redis.set("retarget:duration:retarget", "30")
    hook = {"url": "https://8.8.8.8/hook", "secret": new_secret()}
    job = client.post("/v1/jobs", json=hooked(client, hook)).json()
    assert job["status"] == "succeeded" and redis.get("retarget:duration:retarget") == b"30"
    told: Any = redis.xrange("retarget:outbox")
    assert [(fields[b"event"], fields[b"id"]) for _, fields in told] == [(b"job.succeeded", job["id"].encode())]


def hooked(client: TestClient, hook: dict[str, Any]) -> dict[str, Any]:
    """A JSON request on the stored files, with a webhook."""
    ids = {part: client.post(f"/v1/{part}s", files={"file": entry}).json()["id"] for part, entry in FILES.items()}
    return {**ids, "webhook": hook}
