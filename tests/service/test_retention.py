"""What expires when, and that nothing else is touched."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from service.files.blobs import BlobStore, BlobWriter, output_key, upload_key
from service.files.references import BlobReferences
from service.jobs.schemas import new_job_id
from service.jobs.store import JobStore
from service.settings import Settings
from service.upkeep.retention import sweep_expired, sweep_orphans
from tests.service_fixtures import finish_job, post_job, stored_files

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def test_the_life_of_a_finished_job(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings, redis: Redis
) -> None:
    job_id = post_job(client).json()["id"]
    finish_job(store, blobs, job_id, {"walk.glb": ("model/gltf-binary", b"result")})
    artifact = f"/v1/jobs/{job_id}/artifacts/walk.glb"

    sweep_expired(store, blobs, now() + DAY - HOUR)
    assert len(stored_files(settings)) == 3
    swept = sweep_expired(store, blobs, now() + DAY + HOUR)
    assert (swept.inputs, swept.outputs, swept.records) == (1, 0, 0)
    assert len(stored_files(settings)) == 1
    assert client.get(artifact).status_code == 200

    sweep_expired(store, blobs, now() + 7 * DAY - HOUR)
    assert len(stored_files(settings)) == 1
    assert sweep_expired(store, blobs, now() + 7 * DAY + HOUR).outputs == 1
    assert stored_files(settings) == []
    assert client.get(artifact).status_code == 410
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "succeeded"

    sweep_expired(store, blobs, now() + 30 * DAY - HOUR)
    assert client.get(f"/v1/jobs/{job_id}").status_code == 200
    assert sweep_expired(store, blobs, now() + 30 * DAY + HOUR).records == 1
    assert client.get(artifact).status_code == 404
    left = {key.decode() for key in redis.scan_iter("retarget:*")}
    left -= {key for key in left if key.startswith("retarget:figures:")}  # counts for operators, of no one job
    assert left <= {
        "retarget:duration:retarget",
        "retarget:duration:retarget:",
        "retarget:orphans-swept",
        "retarget:store-id",
    }


def test_one_late_sweep_does_it_all(client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings) -> None:
    job_id = post_job(client).json()["id"]
    finish_job(store, blobs, job_id, {"walk.glb": ("model/gltf-binary", b"result")})
    sweep_expired(store, blobs, now() + 31 * DAY)
    assert stored_files(settings) == []
    assert store.get_many([job_id]) == []


def test_a_job_that_waits_too_long_expires(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings
) -> None:
    job_id = post_job(client).json()["id"]
    assert sweep_expired(store, blobs, now() + DAY + HOUR).expired == 1
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "expired"
    assert client.get(f"/v1/jobs/{job_id}/report").status_code == 410
    assert stored_files(settings) == []
    assert store.claim(job_id, "e1", 30) is None


def test_a_running_job_keeps_its_inputs(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings
) -> None:
    job_id = post_job(client).json()["id"]
    store.claim(job_id, "e1", 30)
    late = now() + DAY + HOUR
    sweep_expired(store, blobs, late)
    assert len(stored_files(settings)) == 2
    assert store.publish(job_id, "e1", {})
    assert sweep_expired(store, blobs, late + HOUR).inputs == 1
    assert stored_files(settings) == []


def test_a_shared_upload_stays_for_the_job_that_needs_it(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings, redis: Redis
) -> None:
    old, young = (post_job(client).json()["id"] for _ in range(2))
    for job_id in (old, young):
        finish_job(store, blobs, job_id, {})
    late = now() + DAY + HOUR
    redis.hset(f"retarget:job:{young}", "input_expires_at", str((late + HOUR).timestamp()))
    sweep_expired(store, blobs, late)
    assert len(stored_files(settings)) == 2
    sweep_expired(store, blobs, late + 2 * HOUR)
    assert stored_files(settings) == []


def age(settings: Settings, key: str) -> None:
    """Make a stored file two days old."""
    path = Path(settings.blob_url.removeprefix("file://")) / key
    past = (now() - 2 * DAY).timestamp()
    os.utime(path, (past, past))


def test_leftovers_of_crashes_go_after_a_day(
    client: TestClient, store: JobStore, blobs: BlobStore, settings: Settings
) -> None:
    record = store.get(post_job(client).json()["id"])
    references = BlobReferences(store.redis, blobs)
    crashed = references.adopt(written(blobs, b"a request that died"), new_job_id())
    unknown = blobs.put_stream([b"nobody's"])
    lost_output = blobs.put(output_key(new_job_id(), "e1", "a.glb"), b"x")
    half = blobs.put("unfinished/0123", b"half")
    fresh = blobs.put_stream([b"being uploaded just now"])
    for key in [*record.input.blobs(), crashed.key, unknown.key, lost_output.key, half.key]:
        age(settings, key)
    assert sweep_orphans(store, blobs, now()) == 3  # the crashed one may still be on its way
    assert sweep_orphans(store, blobs, now() + 2 * HOUR) == 1
    assert {path.name for path in stored_files(settings)} == {
        *(key.rsplit("/", 1)[1] for key in record.input.blobs()),
        fresh.sha256,
    }


def written(blobs: BlobStore, content: bytes) -> BlobWriter:
    writer = blobs.writer()
    writer.write(content)
    return writer


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_last_holder_takes_the_blob_along(store: JobStore, blobs: BlobStore, order: tuple[str, str]) -> None:
    references = BlobReferences(store.redis, blobs)
    for holder in "ab":
        key = references.adopt(written(blobs, b"same"), holder).key
    assert key == upload_key("0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5")
    assert not references.release(key, order[0])
    assert blobs.exists(key)
    assert references.release(key, order[1])
    assert not blobs.exists(key)
