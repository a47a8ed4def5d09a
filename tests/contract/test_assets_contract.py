"""Stored motions and characters: kept once, used by id, gone when nobody needs them."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from service.assets.schemas import AssetView
from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from service.settings import Settings
from service.upkeep.retention import sweep_expired, sweep_orphans
from tests.service_fixtures import BVH, GLB, finish_job, stored_files

DAY = timedelta(days=1)
MOTION = ("walk.bvh", BVH)
CHARACTER = ("hero.glb", GLB)
UNKNOWN = "chr_" + "0" * 26


def store_asset(client: TestClient, collection: str = "motions", **parts: Any) -> dict[str, Any]:
    file = MOTION if collection == "motions" else CHARACTER
    response = client.post(f"/v1/{collection}", files={"file": file}, data=parts)
    assert response.status_code in (200, 201), response.text
    body: dict[str, Any] = response.json()
    return body


def test_storing_looking_listing_deleting(client: TestClient, settings: Settings) -> None:
    response = client.post("/v1/characters", files={"file": CHARACTER}, data={"definition": '{"height_m": 1.8}'})
    assert response.status_code == 201
    asset = response.json()
    AssetView.model_validate(asset)
    assert asset["id"].startswith("chr_") and asset["object"] == "character" and asset["bytes"] == len(GLB)
    assert asset["definition"] == {"height_m": 1.8}
    assert response.headers["location"] == asset["url"] == f"/v1/characters/{asset['id']}"
    assert client.get(asset["url"]).json() == asset
    assert client.get(f"/v1/motions/{asset['id']}").status_code == 404
    assert [entry["id"] for entry in client.get("/v1/characters").json()["data"]] == [asset["id"]]
    assert client.get("/v1/motions").json() == {"object": "list", "data": [], "next_cursor": None}
    assert client.delete(asset["url"]).status_code == 204
    assert client.delete(asset["url"]).status_code == 404
    assert stored_files(settings) == []


def test_the_same_upload_is_the_same_asset(client: TestClient, settings: Settings) -> None:
    first = store_asset(client)
    again = client.post("/v1/motions", files={"file": MOTION})
    assert again.status_code == 200 and again.json()["id"] == first["id"]
    assert again.json()["expires_at"] > first["expires_at"] and again.json()["created_at"] == first["created_at"]
    others = [
        client.post("/v1/motions", files={"file": ("run.bvh", BVH)}).json()["id"],
        client.post("/v1/motions", files={"file": ("walk.bvh", BVH + b"\n")}).json()["id"],
        store_asset(client, "characters")["id"],
        store_asset(client, "characters", definition="{}")["id"],
    ]
    assert len({first["id"], *others}) == 5
    assert len(stored_files(settings)) == 3  # one content each


def test_ten_parallel_uploads_make_one_asset(client: TestClient, settings: Settings) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(store_asset(client)["id"])) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10 and len(set(found)) == 1
    assert len(stored_files(settings)) == 1
    client.delete(f"/v1/motions/{found[0]}")
    assert stored_files(settings) == []


def test_pages_are_newest_first_and_survive_deletions(client: TestClient) -> None:
    ids = [client.post("/v1/motions", files={"file": (f"{n}.bvh", BVH)}).json()["id"] for n in range(5)]
    first = client.get("/v1/motions?limit=2").json()
    assert [entry["id"] for entry in first["data"]] == ids[:2:-1]
    client.delete(f"/v1/motions/{ids[3]}")
    second = client.get(f"/v1/motions?limit=2&cursor={first['next_cursor']}").json()
    assert [entry["id"] for entry in second["data"]] == [ids[2], ids[1]]
    third = client.get(f"/v1/motions?limit=2&cursor={second['next_cursor']}").json()
    assert [entry["id"] for entry in third["data"]] == [ids[0]] and third["next_cursor"] is None


def test_a_job_by_ids(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    motion = store_asset(client)["id"]
    character = store_asset(client, "characters", definition='{"scale":\n 0.01}')["id"]
    body = {"motion": motion, "character": character, "options": {"start": "origin"}, "metadata": {"shot": 1}}
    response = client.post("/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    job = response.json()
    assert job["options"]["start"] == "origin" and job["metadata"] == {"shot": 1}
    assert job["input"]["assets"] == {"motion": motion, "character": character}
    assert job["input"]["motion"][0]["name"] == "walk.bvh" and job["input"]["definition"] == {"scale": 0.01}
    record = store.get(job["id"])
    assert record.input.definition == '{"scale":\n 0.01}'  # as it came, so that its lines stay true
    assert blobs.read(record.input.character[0].blob) == GLB


def test_files_and_ids_mix_and_a_definition_of_the_job_wins(client: TestClient, store: JobStore) -> None:
    character = store_asset(client, "characters", definition='{"scale": 0.01}')["id"]
    parts = {"character": character, "definition": '{"scale": 0.1}', "source_definition": '{"up_axis": "Z"}'}
    response = client.post("/v1/jobs", files={"motion": MOTION}, data=parts)
    assert response.status_code == 202, response.text
    given = store.get(response.json()["id"]).input
    assert (given.definition, given.source_definition) == ('{"scale": 0.1}', '{"up_axis": "Z"}')
    assert given.assets == {"character": character} and given.motion[0].bytes == len(BVH)


def test_deleting_an_asset_leaves_its_jobs_their_files(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings
) -> None:
    motion, character = store_asset(client)["id"], store_asset(client, "characters")["id"]
    job = client.post("/v1/jobs", json={"motion": motion, "character": character}).json()
    client.delete(f"/v1/motions/{motion}")
    client.delete(f"/v1/characters/{character}")
    assert all(blobs.exists(key) for key in store.get(job["id"]).input.blobs())
    client.delete(f"/v1/jobs/{job['id']}")
    assert stored_files(settings) == []


def test_deleting_a_job_leaves_the_asset(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    motion, character = store_asset(client)["id"], store_asset(client, "characters")["id"]
    for _ in range(2):
        job = client.post("/v1/jobs", json={"motion": motion, "character": character}).json()
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    job_id = client.post("/v1/jobs", json={"motion": motion, "character": character}).json()["id"]
    finish_job(store, blobs, job_id, {"report.json": ("application/json", b"{}")})
    sweep_expired(store, blobs, datetime.now(UTC) + 2 * DAY)
    assert client.post("/v1/jobs", json={"motion": motion, "character": character}).status_code == 202


def test_assets_expire_after_their_last_use(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings, redis: Redis
) -> None:
    motion = store_asset(client)["id"]
    sweep_orphans(store, blobs, datetime.now(UTC) + 29 * DAY)
    assert sweep_expired(store, blobs, datetime.now(UTC) + 29 * DAY).assets == 0
    assert len(stored_files(settings)) == 1
    assert sweep_expired(store, blobs, datetime.now(UTC) + 31 * DAY).assets == 1
    assert stored_files(settings) == [] and client.get(f"/v1/motions/{motion}").status_code == 404
    left = {key.decode() for key in redis.scan_iter("retarget:*")}
    assert left <= {"retarget:orphans-swept", "retarget:store-id"}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"motion": "mot_1", "character": UNKNOWN}, ["/motion"]),
        ({"character": UNKNOWN}, ["/motion"]),
        ({"motion": UNKNOWN, "character": UNKNOWN, "colour": 1}, ["/colour"]),
        ({"motion": UNKNOWN, "character": UNKNOWN, "options": []}, ["/options"]),
        ([], [""]),
    ],
)
def test_wrong_json_bodies(client: TestClient, body: Any, pointers: list[str]) -> None:
    response = client.post("/v1/jobs", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
    assert [item["pointer"] for item in response.json()["errors"]] == pointers


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 15_000, b" " * 30_000])
def test_bodies_that_are_no_json(client: TestClient, content: bytes) -> None:
    response = client.post("/v1/jobs", content=content, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")


def test_ids_that_name_nothing(client: TestClient, settings: Settings) -> None:
    motion = store_asset(client)["id"]
    response = client.post("/v1/jobs", json={"motion": motion, "character": UNKNOWN})
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert response.json()["errors"][0]["pointer"] == "/character"
    client.delete(f"/v1/motions/{motion}")
    assert stored_files(settings) == []  # the job that failed holds nothing
    for parts in ({"character": "hero"}, {"character": UNKNOWN[:-1]}):
        response = client.post("/v1/jobs", files={"motion": MOTION}, data=parts)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/character")
    both: list[Any] = [("motion", MOTION), ("character", CHARACTER), ("character", (None, UNKNOWN))]
    response = client.post("/v1/jobs", files=both)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/character")
    assert stored_files(settings) == []


def test_what_is_no_scene_or_no_definition_is_not_stored(client: TestClient, settings: Settings) -> None:
    response = client.post("/v1/motions", files={"file": ("walk.bvh", b"\x89PNG\r\n")})
    assert response.json()["code"] == "unsupported-format"
    response = client.post("/v1/motions", files={"file": MOTION}, data={"definition": "{}"})
    assert response.json()["code"] == "invalid-request"  # a motion has none
    assert client.post("/v1/characters", data={"definition": "{}"}, files={}).json()["code"] == "invalid-request"
    text = '{\n "scale": 1,\n "joint_limits": {"hips": {"swing": -1}}\n}'
    for path, files in (
        ("/v1/characters", {"file": CHARACTER}),
        ("/v1/jobs", {"motion": MOTION, "character": CHARACTER}),
        ("/v1/inspect", {"file": CHARACTER}),
    ):
        problem = client.post(path, files=files, data={"definition": text}).json()
        assert problem["code"] == "invalid-options" and "line 3, /joint_limits/hips/swing" in problem["detail"]
        assert problem["errors"][0]["pointer"] == "/definition/joint_limits/hips/swing"
    assert stored_files(settings) == []
    problem = client.post(
        "/v1/jobs", json={"motion": UNKNOWN, "character": UNKNOWN, "definition": {"scale": -1}}
    ).json()
    assert problem["errors"][0]["pointer"] == "/definition/scale"


def test_an_inspection_of_a_stored_file(client: TestClient, store: JobStore) -> None:
    motion = store_asset(client)["id"]

    def work() -> None:
        while not (waiting := store.page(kind="inspect")[0]):
            pass
        assert waiting[0].input.file[0].name == "walk.bvh"
        store.claim(waiting[0].id, "e1", 30)
        store.publish(waiting[0].id, "e1", {"inspection": {"joints": 3}})

    worker = threading.Thread(target=work)
    worker.start()
    response = client.post("/v1/inspect", files={"file": (None, motion)})
    worker.join()
    assert response.json() == {"joints": 3}
    assert json.loads(client.get("/v1/jobs?kind=inspect").text)["data"][0]["input"]["assets"] == {"file": motion}


def test_uploads_jobs_and_deletions_of_one_asset_race(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings
) -> None:
    """Whatever comes first: a job that was taken has its files, and in the end nothing is left that nobody needs."""
    character = store_asset(client, "characters")["id"]
    jobs: list[str] = []

    def churn(number: int) -> None:
        for _ in range(5):
            motion = store_asset(client)["id"]
            response = client.post("/v1/jobs", json={"motion": motion, "character": character})
            assert response.status_code in (202, 404), response.text
            if response.status_code == 202:
                jobs.append(response.json()["id"])
            if number:
                assert client.delete(f"/v1/motions/{motion}").status_code in (204, 404)

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(jobs) > 5
    for record in store.get_many(jobs):
        assert all(blobs.exists(key) for key in record.input.blobs())
    for asset in client.get("/v1/motions").json()["data"]:
        client.delete(asset["url"])
    client.delete(f"/v1/characters/{character}")
    assert len(stored_files(settings)) == 2  # one content each, for the jobs
    for job in jobs:
        client.delete(f"/v1/jobs/{job}")
    assert stored_files(settings) == []
