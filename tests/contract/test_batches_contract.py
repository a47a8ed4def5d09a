"""Batches: counted right through every change, made once, fed as there is room, done again, canceled, downloaded."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.batches.feeding import feed_all
from service.batches.retention import sweep_batches
from service.batches.store import BatchStore
from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, finish_job, stored_files
from workers.contract.errors import ParseFailed

FILES = {"result.glb": ("model/gltf-binary", GLB), "report.json": ("application/json", b"{}")}


def stored(client: TestClient, kind: str, count: int) -> list[str]:
    name, data = ("walk{}.bvh", BVH) if kind == "motions" else ("hero{}.glb", GLB)
    answers = [client.post(f"/v1/{kind}", files={"file": (name.format(n), data)}) for n in range(count)]
    return [answer.json()["id"] for answer in answers]


@pytest.fixture
def wanted(client: TestClient) -> dict[str, Any]:
    """Three motions onto two characters."""
    return {"motions": stored(client, "motions", 3), "characters": stored(client, "characters", 2)}


def items(client: TestClient, batch: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(batch["urls"]["items"], params={"limit": 100, **query}).json()["data"]
    return found


def now(client: TestClient, batch: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(batch["urls"]["self"]).json()
    assert sum(number for name, number in found["counts"].items() if name != "total") == found["counts"]["total"]
    return found


def fail(store: JobStore, job_id: str) -> None:
    assert store.claim(job_id, "e", 30)
    assert store.fail(job_id, "e", ParseFailed("line 1: no joints; export it again").to_dict())


def test_every_motion_goes_onto_every_character_and_ends_once(
    client: TestClient, wanted: dict[str, Any], store: JobStore, blobs: BlobStore
) -> None:
    answer = client.post("/v1/batches", json={**wanted, "options": {"start": "origin"}, "metadata": {"episode": 3}})
    batch = answer.json()
    assert answer.status_code == 202 and answer.headers["location"] == batch["urls"]["self"]
    assert batch["status"] == "running" and batch["counts"]["queued"] == 6 and batch["progress"] == 0
    listed = items(client, batch)
    pairs = [(item["motion"], item["character"]) for item in listed]
    assert pairs == [(motion, character) for motion in wanted["motions"] for character in wanted["characters"]]
    assert [store.first_waiting("retarget")] == [listed[0]["job"]], "the characters of a motion follow each other"
    job = client.get(f"/v1/jobs/{listed[4]['job']}").json()
    assert job["batch"] == batch["id"] and job["options"]["start"] == "origin" and job["metadata"] == {"episode": 3}
    for item in listed[:4]:
        finish_job(store, blobs, item["job"], FILES)
    fail(store, listed[4]["job"])
    assert now(client, batch)["counts"]["succeeded"] == 4 and now(client, batch)["status"] == "running"
    assert client.post(f"/v1/jobs/{listed[5]['job']}/cancel").status_code == 200
    ended = client.get(batch["urls"]["self"], params={"wait": 5}).json()
    assert ended["status"] == "completed" and ended["progress"] == 1 and ended["finished_at"]
    assert [ended["counts"][name] for name in ("succeeded", "failed", "canceled")] == [4, 1, 1]
    assert [item["index"] for item in items(client, batch, status="failed")] == [4]
    assert BatchStore(store.redis).open_ids() == []


def test_the_worst_come_first(client: TestClient, wanted: dict[str, Any], store: JobStore, blobs: BlobStore) -> None:
    batch = client.post("/v1/batches", json=wanted).json()
    names = [item["job"] for item in items(client, batch)]
    for name, verdict in zip(names[:3], ("pass", "fail", "review"), strict=True):
        assert store.claim(name, "e", 30) and store.publish(name, "e", {"verdict": verdict, "scores": {}})
    fail(store, names[3])
    worst = client.get(batch["urls"]["worst"]).json()["data"]
    assert [item["index"] for item in worst] == [3, 1, 2, 0]
    assert worst[0]["error"]["code"] == "parse-failed" and worst[1]["verdict"] == "fail"
    assert [item["index"] for item in client.get(batch["urls"]["worst"], params={"limit": 1}).json()["data"]] == [3]


def test_among_equal_verdicts_the_least_meaning_comes_first(
    client: TestClient, wanted: dict[str, Any], store: JobStore
) -> None:
    """`semantic_similarity` as reports have it: calibrated, raw where no calibration is, or not measured."""
    batch = client.post("/v1/batches", json=wanted).json()
    names = [item["job"] for item in items(client, batch)]
    told = ({"raw": 0.2, "calibrated": 0.9}, {"raw": 0.8, "calibrated": 0.3}, None, {"raw": 0.5, "calibrated": None})
    for name, similarity in zip(names, told, strict=False):
        result = {"verdict": "review", "scores": {"semantic_similarity": similarity}}
        assert store.claim(name, "e", 30) and store.publish(name, "e", result)
    worst = client.get(batch["urls"]["worst"]).json()["data"]
    assert [item["index"] for item in worst] == [1, 3, 0, 2]


def test_results_as_lines_and_as_a_zip(
    client: TestClient, wanted: dict[str, Any], store: JobStore, blobs: BlobStore
) -> None:
    batch = client.post("/v1/batches", json=wanted).json()
    names = [item["job"] for item in items(client, batch)]
    for name in names[:2]:
        finish_job(store, blobs, name, FILES)
    record = store.get(names[1])
    assert record.result is not None
    blobs.delete(record.result.artifacts[0].blob)
    lines = [json.loads(line) for line in client.get(batch["urls"]["results"]).text.splitlines()]
    assert [line["index"] for line in lines] == list(range(6)) and lines[0]["artifacts"][0]["name"] == "result.glb"
    answer = client.get(batch["urls"]["archive"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [
            "00000 walk0 to hero0/result.glb",
            "00000 walk0 to hero0/report.json",
            "00001 walk0 to hero1/report.json",
            "results.jsonl",
        ]
        assert opened.read("00000 walk0 to hero0/result.glb") == GLB
        told = [json.loads(line) for line in opened.read("results.jsonl").splitlines()]
    assert told[1]["missing"] == ["result.glb"] and "missing" not in told[0]
    only = client.get(batch["urls"]["archive"], params={"artifact": "report.json"})
    with zipfile.ZipFile(io.BytesIO(only.content)) as opened:
        assert len(opened.namelist()) == 3


def test_the_same_request_again_makes_no_second_batch(client: TestClient, wanted: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "episode-3"}
    first = client.post("/v1/batches", json=wanted, headers=key)
    again = client.post("/v1/batches", json=wanted, headers=key)
    assert again.status_code == 202 and again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    other = client.post("/v1/batches", json={**wanted, "options": {"start": "origin"}}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    assert client.put("/v1/batches/night", json=wanted).status_code == 202
    replayed = client.put("/v1/batches/night", json=wanted)
    assert replayed.status_code == 200 and client.get("/v1/batches/night").json()["id"] == replayed.json()["id"]
    assert client.put("/v1/batches/bat_1", json=wanted).json()["code"] == "invalid-request"
    assert len(client.get("/v1/batches").json()["data"]) == 2


def test_a_batch_waits_in_its_record_and_leaves_room_for_single_jobs(
    settings: Settings, store: JobStore, blobs: BlobStore
) -> None:
    small = settings.model_copy(update={"batch_waiting_max": 3, "queue_depth_max": 10, "min_free_disk_ratio": 0})
    with TestClient(create_app(small)) as client:
        wanted = {"motions": stored(client, "motions", 4), "characters": stored(client, "characters", 2)}
        batches = [client.post("/v1/batches", json=wanted).json() for _ in range(3)]
        assert [batch["counts"]["queued"] for batch in batches] == [3, 2, 0], "half of what the queue takes"
        seen: set[str] = set()
        for _ in range(24):
            name = store.first_waiting("retarget")
            assert name is not None and name not in seen
            seen.add(name)
            finish_job(store, blobs, name, {})
            feed_all(store, blobs, small)
            assert store.queue_depth() <= 5
        assert feed_all(store, blobs, small) == 0 and store.queue_depth() == 0
        assert [now(client, batch)["status"] for batch in batches] == ["completed"] * 3
        assert [now(client, batch)["counts"]["succeeded"] for batch in batches] == [8] * 3


def test_a_feeder_that_comes_to_a_changed_batch_makes_nothing_twice(
    client: TestClient, wanted: dict[str, Any], store: JobStore, blobs: BlobStore, settings: Settings, redis: Redis
) -> None:
    few = settings.model_copy(update={"batch_waiting_max": 2})
    with TestClient(create_app(few)) as other:
        batch = other.post("/v1/batches", json=wanted).json()
    real = store.now
    raced: list[int] = []

    def another_feeds_first() -> float:
        if not raced:
            raced.append(1)
            feed_all(JobStore(redis), blobs, settings)
        return real()

    racing = JobStore(redis)
    racing.now = another_feeds_first  # type: ignore[method-assign]
    feed_all(racing, blobs, settings)
    names = [item["job"] for item in items(client, batch)]
    assert len(set(names)) == 6 and now(client, batch)["counts"]["queued"] == 6 == store.queue_depth()


def test_what_failed_is_done_again_once(
    client: TestClient, wanted: dict[str, Any], store: JobStore, blobs: BlobStore
) -> None:
    batch = client.post("/v1/batches", json=wanted).json()
    names = [item["job"] for item in items(client, batch)]
    for name in names[:4]:
        finish_job(store, blobs, name, FILES)
    for name in names[4:]:
        fail(store, name)
    assert now(client, batch)["status"] == "completed"
    answer = client.post(batch["urls"]["retry"]).json()
    assert answer["items"] == 2 and answer["batch"]["status"] == "running" and answer["batch"]["counts"]["queued"] == 2
    assert client.post(batch["urls"]["retry"]).json()["items"] == 0
    again = items(client, batch)
    assert [item["job"] for item in again[:4]] == names[:4] and not set(names) & {item["job"] for item in again[4:]}
    assert client.get(f"/v1/jobs/{again[5]['job']}").json()["retry_of"] == names[5]
    for item in again[4:]:
        finish_job(store, blobs, item["job"], FILES)
    assert now(client, batch)["counts"]["succeeded"] == 6 and now(client, batch)["status"] == "completed"


def test_a_canceled_batch_makes_no_more_jobs(settings: Settings, store: JobStore, blobs: BlobStore) -> None:
    small = settings.model_copy(update={"batch_waiting_max": 2})
    with TestClient(create_app(small)) as client:
        wanted = {"motions": stored(client, "motions", 2), "characters": stored(client, "characters", 2)}
        batch = client.post("/v1/batches", json=wanted).json()
        running = items(client, batch)[0]["job"]
        assert store.claim(running, "e", 30)
        canceled = client.post(batch["urls"]["cancel"])
        assert canceled.status_code == 202 and canceled.json()["status"] == "canceling"
        assert canceled.json()["counts"] | {"total": 4} == {
            **dict.fromkeys(("pending", "queued", "running", "succeeded", "failed", "expired"), 0),
            "canceling": 1,
            "canceled": 3,
            "total": 4,
        }
        assert feed_all(store, blobs, small) == 0
        assert store.finish_cancel(running, "e")
        assert now(client, batch)["status"] == "canceled"
        assert [item["status"] for item in items(client, batch)] == ["canceled"] * 4
        assert client.post(batch["urls"]["cancel"]).json()["code"] == "not-cancelable"


def test_deleted_assets_stay_until_the_batch_is_done_and_then_go(
    client: TestClient, wanted: dict[str, Any], store: JobStore, blobs: BlobStore, settings: Settings
) -> None:
    batch = client.post("/v1/batches", json=wanted).json()
    for kind in ("motions", "characters"):
        for name in wanted[kind]:
            assert client.delete(f"/v1/{kind}/{name}").status_code == 204
    assert len(stored_files(settings)) == 2
    assert client.delete(batch["urls"]["self"]).status_code == 204
    assert stored_files(settings) == [] and store.queue_depth() == 0
    assert client.get(batch["urls"]["self"]).status_code == 404
    kept = store.redis.keys("retarget:*bat*")
    assert kept == [], kept


def test_an_old_batch_lets_its_uploads_go_and_later_its_record(
    client: TestClient, wanted: dict[str, Any], store: JobStore, blobs: BlobStore
) -> None:
    batch = client.post("/v1/batches", json=wanted).json()
    for item in items(client, batch):
        finish_job(store, blobs, item["job"], {})
    batches = BatchStore(store.redis)
    record = batches.get(batch["id"])
    assert record.finished_at is not None
    batches.look_again(batch["id"], record.finished_at)
    sweep_batches(store, blobs, record.finished_at)
    assert batches.get(batch["id"]).holds_inputs
    batches.look_again(batch["id"], record.finished_at)
    later = record.finished_at + timedelta(days=1.1)
    sweep_batches(store, blobs, later)
    assert not batches.get(batch["id"]).holds_inputs
    assert client.post(batch["urls"]["retry"]).json()["code"] == "expired"
    batches.look_again(batch["id"], later)
    assert sweep_batches(store, blobs, later + timedelta(days=30)) == 1
    assert client.get(batch["urls"]["self"]).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"motions": []}, ""),
        ({"pairs": [{"motion": "mot_" + "0" * 26, "character": "chr_" + "0" * 26}]}, ""),
        ({"options": {"start": "nowhere"}}, "/options/start"),
        ({"options": {"encoder": "blipp"}}, "/options/encoder"),
        ({"motions": ["mot_" + "0" * 26]}, "/motions/0"),
        ({"webhook": {"url": "http://127.0.0.1/x", "secret": "whsec_" + "A" * 32}}, "/webhook/url"),
        ({"webhook": {"url": "https://hooks.example.com/x", "secret": "short"}}, "/webhook/secret"),
    ],
)
def test_what_is_wrong_is_named(
    client: TestClient, wanted: dict[str, Any], change: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/v1/batches", json={**wanted, **change})
    assert answer.status_code in (404, 422), answer.text
    assert [item["pointer"] for item in answer.json()["errors"]] == [pointer], answer.json()
    assert client.get("/v1/batches").json()["data"] == [] == client.get("/v1/jobs").json()["data"]


def test_pairs_have_options_of_their_own(client: TestClient, wanted: dict[str, Any]) -> None:
    pairs = [{"motion": motion, "character": wanted["characters"][0]} for motion in wanted["motions"]]
    pairs[1] |= {"options": {"start": "origin"}, "metadata": {"shot": 2}, "source_character": wanted["characters"][1]}
    batch = client.post("/v1/batches", json={"pairs": pairs, "options": {"seed": 5}, "metadata": {"shot": 0}}).json()
    jobs = [client.get(f"/v1/jobs/{item['job']}").json() for item in items(client, batch)]
    assert [job["options"]["start"] for job in jobs] == ["keep", "origin", "keep"]
    assert [job["options"]["seed"] for job in jobs] == [5] * 3 and [job["metadata"]["shot"] for job in jobs] == [
        0,
        2,
        0,
    ]
    assert len(jobs[1]["input"]["source_character"]) == 1
