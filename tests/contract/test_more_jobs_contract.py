"""Jobs under names of their caller's, done again, with a deadline, and found again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from service.settings import Settings
from service.upkeep.retention import sweep_expired
from tests.service_fixtures import BVH, GLB, finish_job, post_job, stored_files

FILES = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB)}


def test_a_job_may_bear_a_name_of_its_callers(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    first = client.put("/v1/jobs/shot-12.take_3", files=FILES, data={"options": '{"start": "origin"}'})
    assert first.status_code == 202 and first.headers["location"] == f"/v1/jobs/{first.json()['id']}"
    again = client.put("/v1/jobs/shot-12.take_3", files=FILES, data={"options": '{"start": "origin"}'})
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = client.put("/v1/jobs/shot-12.take_3", files=FILES)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    finish_job(store, blobs, first.json()["id"], {"report.json": ("application/json", b"{}")})
    assert client.get("/v1/jobs/shot-12.take_3").json()["status"] == "succeeded"
    assert client.get("/v1/jobs/shot-12.take_3/report").content == b"{}"
    ended = client.put("/v1/jobs/shot-12.take_3", files=FILES, data={"options": '{"start": "origin"}'})
    assert (ended.status_code, ended.json()["status"]) == (200, "succeeded")
    assert client.delete("/v1/jobs/shot-12.take_3").status_code == 204
    assert client.get("/v1/jobs/shot-12.take_3").status_code == 404
    assert client.get("/v1/jobs/never-given").status_code == 404


@pytest.mark.parametrize("name", ["job_1", "job_" + "0" * 26, "-a", "a b", "x" * 65, "a%2fb"])
def test_names_that_cannot_be(client: TestClient, name: str) -> None:
    response = client.put(f"/v1/jobs/{name}", files=FILES)
    assert response.status_code in (404, 405, 422) and response.json()["code"] in ("invalid-request", "not-found")
    assert client.get("/v1/jobs").json()["data"] == []


def test_an_ended_job_is_done_again_as_a_new_one(
    client: TestClient, store: JobStore, settings: Settings, blobs: BlobStore
) -> None:
    job = post_job(client, options={"start": "origin"}, metadata={"shot": "1"}).json()
    early = client.post(f"/v1/jobs/{job['id']}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "not-ready")
    store.claim(job["id"], "e1", 30)
    store.fail(job["id"], "e1", {"code": "timeout", "detail": "too long", "extra": {}})
    again = client.post(f"/v1/jobs/{job['id']}/retry")
    assert again.status_code == 202 and again.headers["location"] != f"/v1/jobs/{job['id']}"
    new = again.json()
    assert (new["retry_of"], new["status"], new["options"], new["metadata"]) == (
        job["id"], "queued", job["options"], {"shot": "1"},
    )  # fmt: skip
    assert client.get(f"/v1/jobs/{job['id']}").json()["status"] == "failed"
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert all(blobs.exists(key) for key in store.get(new["id"]).input.blobs()), "it holds the uploads itself"
    finish_job(store, blobs, new["id"], {})
    sweep_expired(store, blobs, datetime.now(UTC) + timedelta(days=2))
    late = client.post(f"/v1/jobs/{new['id']}/retry")
    assert (late.status_code, late.json()["code"]) == (410, "expired") and stored_files(settings) == []


def test_a_job_that_nobody_took_before_its_deadline_expires(
    client: TestClient, store: JobStore, blobs: BlobStore
) -> None:
    job = client.post("/v1/jobs", files=FILES, data={"deadline_s": "60"}).json()
    assert job["deadline_at"] is not None
    sweep_expired(store, blobs, datetime.now(UTC) + timedelta(seconds=50))
    assert store.get(job["id"]).status == "queued"
    sweep_expired(store, blobs, datetime.now(UTC) + timedelta(seconds=70))
    ended = client.get(f"/v1/jobs/{job['id']}").json()
    assert (ended["status"], ended["error"]["code"]) == ("expired", "expired") and "deadline" in ended["error"][
        "detail"
    ]
    late = client.post("/v1/jobs", files=FILES, data={"deadline_s": "60"}).json()["id"]
    store.redis.hset(f"retarget:job:{late}", "deadline_at", "1.0")
    assert store.first_waiting("retarget") is None and store.claim(late, "e1", 30) is None
    for wrong in ("0", "-1", "soon", "nan", "1e9"):
        response = client.post("/v1/jobs", files=FILES, data={"deadline_s": wrong})
        assert response.json()["errors"][0]["pointer"] == "/deadline_s"


def test_jobs_are_found_by_time_and_metadata(client: TestClient, store: JobStore) -> None:
    ids = [post_job(client, metadata={"shot": f"s{number % 3}", "take": number}).json()["id"] for number in range(7)]

    def found(**query: Any) -> list[str]:
        listed, cursor = [], None
        while True:
            page = client.get("/v1/jobs", params={**query, "limit": 2, **({"cursor": cursor} if cursor else {})}).json()
            listed += [job["id"] for job in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return listed

    assert found() == ids[::-1]
    assert found(metadata="shot:s1") == [ids[4], ids[1]]
    assert found(metadata=["shot:s1", "take:4"]) == [ids[4]] and found(metadata="shot:nowhere") == []
    created = [datetime.fromisoformat(client.get(f"/v1/jobs/{name}").json()["created_at"]) for name in ids]
    middle = created[3] + (created[4] - created[3]) / 2
    if created[4] - created[3] > timedelta(milliseconds=3):
        assert found(created_after=middle.isoformat()) == ids[:3:-1]
        assert found(created_before=middle.isoformat()) == ids[3::-1]
    hour = timedelta(hours=1)
    assert (
        found(created_after=(created[0] - hour).isoformat(), created_before=(created[0] + hour).isoformat())
        == ids[::-1]
    )
    assert found(created_after=(created[0] + hour).isoformat()) == []
    for wrong in (
        "metadata=shot",
        "created_after=2026-01-01T00:00:00",
        "created_before=soon",
        "created_before=0.5",
        "created_after=-5",
    ):
        response = client.get(f"/v1/jobs?{wrong}")
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"].startswith(f"/query/{wrong.partition('=')[0]}")


def test_who_wants_a_result_made_anew_says_so(client: TestClient, store: JobStore) -> None:
    """By a header that HTTP has for it; a retry always means it."""
    plain = client.post("/v1/jobs", files=FILES).json()["id"]
    asked = client.post("/v1/jobs", files=FILES, headers={"Cache-Control": "no-cache"}).json()["id"]
    named = client.put("/v1/jobs/anew", files=FILES, headers={"Cache-Control": "max-age=0, no-store"}).json()["id"]
    ids = {
        part: client.post(f"/v1/{part}s", files={"file": entry}).json()["id"] for part, entry in FILES.items()
    }  # fmt: skip
    stored = client.post("/v1/jobs", json=ids, headers={"Cache-Control": "no-cache"}).json()["id"]
    assert [store.get(job).fresh for job in (plain, asked, named, stored)] == [False, True, True, True]
    store.claim(plain, "e1", 30)
    store.fail(plain, "e1", {"code": "timeout", "detail": "too long", "extra": {}})
    assert store.get(client.post(f"/v1/jobs/{plain}/retry").json()["id"]).fresh
