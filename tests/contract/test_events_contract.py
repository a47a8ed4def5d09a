"""A job's events over SSE: in order, with replay, ending with the job."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from fastapi.testclient import TestClient

from service.files.blobs import BlobStore
from service.jobs.schemas import new_job_id
from service.jobs.store import JobStore
from tests.service_fixtures import post_job


def events_of(client: TestClient, job_id: str, **headers: str) -> list[dict[str, Any]]:
    """All events until the stream ends."""
    response = client.get(f"/v1/jobs/{job_id}/events", headers=headers)
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.replace("\r\n", "\n").split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        if lines:
            event = {name: value for name, _, value in lines}
            found.append({**event, "id": int(event["id"]), "data": json.loads(event["data"])})
    return found


def test_events_come_as_they_happen_and_end_with_the_job(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    job_id = post_job(client).json()["id"]

    def work() -> None:
        time.sleep(0.2)
        assert store.claim(job_id, "e1", 30)
        for number, stage in enumerate(("loading", "mapping", "retargeting")):
            store.progress(job_id, "e1", stage, number / 10)
            time.sleep(0.02)
        assert store.publish(job_id, "e1", {"verdict": "pass"})

    worker = threading.Thread(target=work)
    worker.start()
    found = events_of(client, job_id)
    worker.join()
    assert [event["id"] for event in found] == sorted(event["id"] for event in found)
    assert found[0]["event"] == "status" and found[0]["data"]["status"] == "queued"
    assert [event["data"]["stage"] for event in found if event["event"] == "progress"] == [
        "loading", "mapping", "retargeting",
    ]  # fmt: skip
    assert found[-1]["event"] == "done" and found[-1]["data"] == client.get(f"/v1/jobs/{job_id}").json()


def test_a_client_that_comes_back_gets_what_it_missed(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    job_id = post_job(client).json()["id"]
    store.claim(job_id, "e1", 30)
    for fraction in (0.1, 0.2, 0.3):
        store.progress(job_id, "e1", "mapping", fraction)
    store.publish(job_id, "e1", {"verdict": "pass"})
    version = store.get(job_id).version
    again = events_of(client, job_id, **{"Last-Event-ID": "2"})
    assert [event["id"] for event in again] == [3, 4, 5, version]
    assert [event["data"]["progress"] for event in again[:2]] == [0.2, 0.3]
    assert [event["event"] for event in events_of(client, job_id)] == ["status", "done"]
    assert [event["event"] for event in events_of(client, job_id, **{"Last-Event-ID": str(version)})] == ["done"]
    store.redis.delete(f"retarget:events:{job_id}")  # a day later
    assert [event["event"] for event in events_of(client, job_id, **{"Last-Event-ID": "1"})] == ["status", "done"]


def test_events_of_nobody_and_from_nowhere(client: TestClient, store: JobStore) -> None:
    assert client.get(f"/v1/jobs/{new_job_id()}/events").status_code == 404
    job_id = post_job(client).json()["id"]
    for wrong in ("x", "-1", "9" * 20):
        response = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": wrong})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/header/last-event-id")
    timer = threading.Timer(0.2, store.delete, (job_id,))
    timer.start()
    assert len(events_of(client, job_id)) == 1  # and the stream ends, since the job was deleted
    timer.join()
