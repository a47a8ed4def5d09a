"""The operator's figures, read back by Prometheus's own parser."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore
from service.jobs.registry import Abilities, WorkerNow, register
from service.jobs.store import JobStore
from service.settings import Settings
from tests.deploy.dockerfile_reader import REPOSITORY
from tests.service_fixtures import finish_job, make_record
from workers.contract.stages import STAGES
from workers.queue.figures import MODEL_LOADS

ABILITIES = Abilities(
    queues=["retarget"], methods=["analytic"], refine=[], encoders=["eye@1"], preview=["webp"], device="cpu"
)
MONITORING = REPOSITORY / "docker" / "monitoring"
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
    staged = make_record(store).id
    assert store.claim(staged, "three", 30) is not None
    for stage, fraction in (("loading", 0.1), ("mapping", 0.2), ("mapping", 0.3), ("scoring", 0.9)):
        assert store.progress(staged, "three", stage, fraction) == "go"
    assert store.publish(staged, "three", {"artifacts": []})
    now = WorkerNow(free_memory_bytes=2**30, job_process_bytes=2**20, gpu_used_bytes=7, gpu_total_bytes=9)
    register(redis, "host-1", ABILITIES, 30, now)
    register(redis, "host-2", ABILITIES, 30, WorkerNow(holding_back="no memory"))
    redis.hset("rq:worker:host-1", "state", "busy")
    redis.hincrby(MODEL_LOADS, "eye@1", 2)

    found = figures_of(client)
    assert found["retarget_queue_depth", ("ingest",)] == 3
    assert 0 <= found["retarget_queue_oldest_age_seconds", ("ingest",)] < 60
    assert found["retarget_queue_depth", ("retarget",)] == 0
    assert found["retarget_jobs_running", ()] == 1
    assert found["retarget_workers", ("busy",)] == 1 and found["retarget_workers", ("idle",)] == 0
    assert found["retarget_workers", ("held",)] == 1
    assert found["retarget_jobs_ended_total", ("retarget", "succeeded")] == 2
    assert found["retarget_jobs_ended_total", ("retarget", "failed")] == 1
    assert found["retarget_jobs_failed_total", ("no-skin",)] == 1
    assert found["retarget_execution_seconds_count", ("retarget",)] == 2
    stages = {name: found["retarget_stage_seconds_count", (name,)] for name in STAGES}
    assert stages == {**dict.fromkeys(STAGES, 0), "loading": 1, "mapping": 1, "scoring": 1}
    assert found["retarget_wait_seconds_count", ("retarget",)] == 4
    assert found["retarget_model_loads_total", ("eye@1",)] == 2
    assert found["retarget_worker_free_memory_bytes", ("host-1",)] == 2**30
    assert found["retarget_gpu_memory_used_bytes", ("host-1",)] == 7
    assert ("retarget_gpu_memory_used_bytes", ("host-2",)) not in found
    buckets = [
        value for (name, labels), value in found.items()
        if name == "retarget_execution_seconds_bucket" and labels[0] == "retarget"
    ]  # fmt: skip
    assert buckets == sorted(buckets) and buckets[-1] == 2
    assert 0 <= found["retarget_disk_free_ratio", ()] <= 1


@pytest.mark.parametrize(("keys", "metrics", "status"), [("on", "auto", 404), ("on", "on", 200), ("off", "off", 404)])
def test_strangers_are_told_nothing_unless_it_is_wanted(
    settings: Settings, redis: Redis, keys: str, metrics: str, status: int
) -> None:
    told = settings.model_copy(update={"keys": keys, "metrics": metrics})
    assert TestClient(create_app(told)).get("/metrics").status_code == status


def test_the_dashboard_and_the_alerts_ask_for_figures_that_there_are(client: TestClient, blobs: BlobStore) -> None:
    assert blobs.free_disk_ratio() is not None  # a store that is there has this figure too
    found = client.get("/metrics").text
    families = {family.name: family.type for family in text_string_to_metric_families(found)}
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for expression in asked:
        (name, *_) = names = re.findall(r"retarget_[a-z_]+", expression)
        for name in names:
            family = re.sub(r"_(total|bucket|sum|count)$", "", name)
            kind = families.get(name) or families[family]
            assert (kind == "histogram") == name.endswith("_bucket"), expression
            assert (kind == "counter") == name.endswith("_total"), expression
    shown = {re.sub(r"_(total|bucket)$", "", name) for name in re.findall(r"retarget_[a-z_]+", " ".join(asked))}
    assert shown == set(families)  # what is told is shown
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    assert config["rule_files"] == ["alerts.yml"]
