"""The operator's figures, read back by Prometheus's own parser."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore
from service.jobs.registry import Abilities, register
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import finish_job, make_record

ABILITIES = Abilities(
    queues=["retarget"], methods=["analytic"], refine=[], encoders=["eye@1"], preview=["webp"], device="cpu"
)
Figures = dict[tuple[str, tuple[str, ...]], float]


def figures_of(client: TestClient) -> Figures:
    """Every sample, by name and values of its labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_waits_runs_and_ended_is_told(client: TestClient, store: JobStore, blobs: BlobStore, redis: Redis) -> None:
    finish_job(store, blobs, make_record(store).id, {})
    failing = make_record(store).id
    assert store.claim(failing, "one", 30) is not None
    assert store.fail(failing, "one", {"code": "no-skin", "detail": "none"})
    assert store.claim(make_record(store).id, "two", 30) is not None
    for _ in range(3):
        make_record(store)
    register(redis, "host-1", ABILITIES, 30)
    redis.hset("rq:worker:host-1", "state", "busy")

    found = figures_of(client)
    assert found["retarget_queue_depth", ("ingest",)] == 3
    assert 0 <= found["retarget_queue_oldest_age_seconds", ("ingest",)] < 60
    assert found["retarget_queue_depth", ("retarget",)] == 0
    assert found["retarget_jobs_running", ()] == 1
    assert found["retarget_workers", ("busy",)] == 1 and found["retarget_workers", ("idle",)] == 0
    assert found["retarget_jobs_ended_total", ("retarget", "succeeded")] == 1
    assert found["retarget_jobs_ended_total", ("retarget", "failed")] == 1
    assert found["retarget_jobs_failed_total", ("no-skin",)] == 1
    assert found["retarget_execution_seconds_count", ("retarget",)] == 1
    buckets = [
        value for (name, labels), value in found.items()
        if name == "retarget_execution_seconds_bucket" and labels[0] == "retarget"
    ]  # fmt: skip
    assert buckets == sorted(buckets) and buckets[-1] == 1
    assert 0 <= found["retarget_disk_free_ratio", ()] <= 1


@pytest.mark.parametrize(("keys", "metrics", "status"), [("on", "auto", 404), ("on", "on", 200), ("off", "off", 404)])
def test_strangers_are_told_nothing_unless_it_is_wanted(
    settings: Settings, redis: Redis, keys: str, metrics: str, status: int
) -> None:
    told = settings.model_copy(update={"keys": keys, "metrics": metrics})
    assert TestClient(create_app(told)).get("/metrics").status_code == status
