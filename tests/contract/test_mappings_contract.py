"""Mapping presets, from the request to the report of the job that used one; the worker's part is the real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from service.mappings.schemas import PresetView
from service.settings import Settings
from tests.service_fixtures import DocumentedAnswers
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container
from workers.formats.read import read_scene
from workers.ingest.sandbox.sandbox import Sandbox
from workers.queue.settings import WorkerSettings
from workers.queue.tasks import TaskContext
from workers.queue.uploads import Ingest
from workers.samples.write import sample_files
from workers.skeleton.fingerprint import skeleton_fingerprint

FINGERPRINT = "skl_" + "0" * 32
SAMPLES = sample_files()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Large enough for the samples."""
    return settings.model_copy(update={"upload_max_bytes": 4_000_000, "inspect_wait_s": 30, "wait_max_s": 30})


@pytest.fixture
def client(settings: Settings, store: JobStore, openapi_document: dict[str, Any]) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as test_client:
        test_client.event_hooks = {"response": [DocumentedAnswers(openapi_document)]}
        yield test_client


@contextmanager
def worker(settings: Settings, redis: Redis) -> Iterator[None]:
    """Runs every job that comes, as a job process does, in a thread of this process."""
    store, blobs, sandbox = JobStore(redis), BlobStore(settings.blob_url), Sandbox()
    own = WorkerSettings(redis_url=settings.redis_url, data_dir=settings.data_dir, worker_queues="retarget")
    desk = replace(TaskContext.open(own, redis), scenes=Ingest(store, blobs, sandbox))
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            for number, job_id in enumerate(desk.store.queued_ids()):
                execution = f"e{number}"
                if desk.store.claim(job_id, execution, 60):
                    desk.run(job_id, execution, 60)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        sandbox.close()


def finished(client: TestClient, response: Any) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    job: dict[str, Any] = client.get(f"/v1/jobs/{response.json()['id']}?wait=30").json()
    return job


def report_of(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    assert job["status"] == "succeeded", job["error"]
    report: dict[str, Any] = client.get(job["urls"]["report"]).json()
    return report


def files(motion: str = "wave.bvh", character: str = "stout.glb") -> dict[str, tuple[str, bytes]]:
    return {"motion": (motion, SAMPLES[motion]), "character": (character, SAMPLES[character])}


def post(client: TestClient, **fields: Any) -> Any:
    return client.post("/v1/mappings", json=fields)


def test_making_looking_listing_deleting(client: TestClient) -> None:
    mapping = {"leftToes": None, "hips": "Pelvis", "head": {"index": 7}}
    response = post(client, name="ours", fingerprint=FINGERPRINT, mapping=mapping, kind="character")
    assert response.status_code == 201
    preset = response.json()
    PresetView.model_validate(preset)
    assert preset["mapping"] == mapping and preset["fingerprint"] == FINGERPRINT
    assert response.headers["location"] == preset["url"] == f"/v1/mappings/{preset['id']}"
    assert client.get(preset["url"]).json() == preset
    later = [post(client, name=str(n), fingerprint=FINGERPRINT[:-1] + "1", mapping=mapping).json() for n in range(3)]
    page = client.get("/v1/mappings?limit=2").json()
    assert [entry["name"] for entry in page["data"]] == ["2", "1"]
    page = client.get(f"/v1/mappings?limit=2&cursor={page['next_cursor']}").json()
    assert [entry["name"] for entry in page["data"]] == ["0", "ours"] and page["next_cursor"] is None
    assert [entry["id"] for entry in client.get(f"/v1/mappings?fingerprint={FINGERPRINT}").json()["data"]] == [
        preset["id"]
    ]
    for entry in (preset, *later):
        assert client.delete(entry["url"]).status_code == 204
    assert client.get(preset["url"]).status_code == client.delete(preset["url"]).status_code == 404
    assert client.get("/v1/mappings").json()["data"] == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": "x"}, "/fingerprint"),
        ({"name": "x", "fingerprint": FINGERPRINT}, "/mapping"),
        ({"name": "x", "fingerprint": FINGERPRINT, "mapping": {}}, "/mapping"),
        ({"name": "x", "fingerprint": FINGERPRINT, "mapping": {"tail": "a"}}, "/mapping"),
        ({"name": "x", "fingerprint": "skl_1", "mapping": {"hips": "a"}}, "/fingerprint"),
        ({"name": "", "fingerprint": FINGERPRINT, "mapping": {"hips": "a"}}, "/name"),
        (
            {"name": "x", "fingerprint": FINGERPRINT, "asset": "mot_" + "0" * 26, "mapping": {"hips": "a"}},
            "/fingerprint",
        ),
        ({"name": "x", "fingerprint": FINGERPRINT, "mapping": {"hips": "a"}, "kind": "both"}, "/kind"),
    ],
)
def test_wrong_requests(client: TestClient, fields: dict[str, Any], pointer: str) -> None:
    response = post(client, **fields)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
    assert response.json()["errors"][0]["pointer"].startswith(pointer)


def test_an_asset_that_is_not_there(client: TestClient) -> None:
    assert post(client, name="x", asset="chr_" + "0" * 26).status_code == 404


def test_presets_that_a_job_names_must_be_there(client: TestClient) -> None:
    options = json.dumps({"mapping": {"target_preset": "map_nothing"}})
    problem = client.post("/v1/jobs", files=files(), data={"options": options}).json()
    assert problem["code"] == "invalid-options"
    assert problem["errors"][0]["pointer"] == "/options/mapping/target_preset"


def test_a_preset_is_used_wherever_its_skeleton_comes(client: TestClient, settings: Settings, redis: Redis) -> None:
    with worker(settings, redis):
        plain = report_of(client, finished(client, client.post("/v1/jobs", files=files())))
        assert plain["mapping"]["target"]["preset"] is None is plain["mapping"]["source"]["preset"]
        fingerprint = plain["target"]["skeleton_fingerprint"]
        inspected = client.post("/v1/inspect", files={"file": ("s.glb", SAMPLES["stout.glb"])}).json()
        assert inspected["skeleton_fingerprint"] == fingerprint and inspected["mapping"]["preset"] is None

        mapping = {"leftHand": None, "rightToes": "rightToes"}
        made = post(client, name="no left hand", fingerprint=fingerprint, mapping=mapping, kind="character").json()
        known = {"id": made["id"], "name": "no left hand"}
        report = report_of(client, finished(client, client.post("/v1/jobs", files=files())))
        roles = report["mapping"]["target"]["roles"]
        assert report["mapping"]["target"]["preset"] == known
        assert "leftHand" not in roles and roles["rightToes"]["reason"] == "given by the mapping preset 'no left hand'"
        assert report["warnings"] == plain["warnings"]
        assert report["mapping"]["source"] == plain["mapping"]["source"]
        inspected = client.post("/v1/inspect", files={"file": ("s.glb", SAMPLES["stout.glb"])}).json()
        assert inspected["mapping"]["preset"] == known and "leftHand" in inspected["unmatched"]["roles"]

        options: dict[str, Any] = {"mapping": {"target": {"leftHand": "leftHand"}}}
        job = client.post("/v1/jobs", files=files(), data={"options": json.dumps(options)})
        roles = report_of(client, finished(client, job))["mapping"]["target"]["roles"]
        assert roles["leftHand"]["reason"] == "given by the mapping override"
        options = {"mapping": {"target_preset": "none"}}
        job = client.post("/v1/jobs", files=files(), data={"options": json.dumps(options)})
        assert "leftHand" in report_of(client, finished(client, job))["mapping"]["target"]["roles"]

        assert fingerprint_of("wave.bvh") == fingerprint  # one rig in two formats
        other = {"options": json.dumps({"mapping": {"source_preset": made["id"], "target_preset": "none"}})}
        report = report_of(client, finished(client, client.post("/v1/jobs", files=files(), data=other)))
        assert report["mapping"]["source"]["preset"] == known and "leftHand" not in report["mapping"]["source"]["roles"]
        other = {"options": json.dumps({"mapping": {"target_preset": made["id"]}})}
        refused = finished(client, client.post("/v1/jobs", files=files("wave.bvh", "stout_a_pose.glb"), data=other))
        assert refused["error"]["code"] == "invalid-options" and "is for the skeleton" in refused["error"]["detail"]
        client.delete(made["url"])
        report = report_of(client, finished(client, client.post("/v1/jobs", files=files())))
        assert report["mapping"]["target"]["preset"] is None


def fingerprint_of(name: str) -> str:
    return skeleton_fingerprint(read_scene(FileBundle(name, SAMPLES[name])).skeleton)


def test_a_preset_from_a_file_or_an_asset(client: TestClient, settings: Settings, redis: Redis) -> None:
    with worker(settings, redis):
        file = {"file": ("stout.glb", SAMPLES["stout.glb"])}
        response = client.post("/v1/mappings", files=file, data={"preset": '{"name": "as found"}'})
        assert response.status_code == 201, response.text
        found = response.json()
        assert found["mapping"]["hips"] == "hips" and len(found["mapping"]) > 15
        asset = client.post("/v1/characters", files=file).json()["id"]
        other = post(client, name="no toes", asset=asset, mapping={"leftToes": None, "leftHand": "leftHand"}).json()
        assert other["fingerprint"] == found["fingerprint"]
        assert other["mapping"] == {"leftToes": None, "leftHand": "leftHand"}
        wrong = post(client, name="x", asset=asset, mapping={"leftToes": "leftTose"})
        assert wrong.json()["code"] == "invalid-options" and "'leftToes'" in wrong.json()["detail"]
        # of several the newest counts
        inspected = client.post("/v1/inspect", files=file).json()
        assert inspected["mapping"]["preset"]["id"] == other["id"]
        text = client.post(
            "/v1/mappings", files={"file": ("a.bvh", b"HIERARCHY\nROOT")}, data={"preset": '{"name": "x"}'}
        )
        assert text.json()["code"] == "parse-failed"


def without_left_shin() -> bytes:
    """The sample's nodes alone, the left thigh without anything below it."""
    document = read_scene(FileBundle("s.glb", SAMPLES["stout.glb"])).document.document.json
    nodes = [{key: value for key, value in node.items() if key not in ("mesh", "skin")} for node in document["nodes"]]
    next(node for node in nodes if node["name"] == "leftUpperLeg").pop("children")
    bare = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": nodes}
    return join_container(bare, b"")


def test_definitions_and_incomplete_mappings_over_http(client: TestClient, settings: Settings, redis: Redis) -> None:
    broken = without_left_shin()
    definition = '{"leave_alone": ["head"],\n "joint_limits": {"leftUpperArm": {"swing": 20}}}'
    with worker(settings, redis):
        stored = client.post("/v1/characters", files={"file": files()["character"]}, data={"definition": definition})
        job = client.post("/v1/jobs", files={"motion": files()["motion"]}, data={"character": stored.json()["id"]})
        report = report_of(client, finished(client, job))
        assert report["target"]["left_alone"] == ["head"] and "head" not in report["mapping"]["target"]["roles"]
        assert report["target"]["joint_limits"]["leftUpperArm"]["worst_deg"] > 0
        job = client.post("/v1/jobs", files=files(), data={"definition": '{\n\n"leave_alone": ["tail"]}'})
        error = finished(client, job)["error"]
        assert error["code"] == "invalid-options" and "line 3, /leave_alone/0" in error["detail"]
        job = client.post("/v1/jobs", files={**files(), "character": ("broken.glb", broken)})
        error = finished(client, job)["error"]
        assert error["code"] == "mapping-incomplete" and "leftLowerLeg" in error["roles"]
        assert set(error["candidates"]) == set(error["roles"])
        inspected = client.post("/v1/inspect", files={"file": ("broken.glb", broken)}).json()
        assert inspected["problem"]["code"] == "mapping-incomplete"
        assert "leftLowerLeg" in inspected["unmatched"]["required"]


def test_a_bvh_character_over_http(client: TestClient, settings: Settings, redis: Redis, blobs: BlobStore) -> None:
    with worker(settings, redis):
        job = finished(client, client.post("/v1/jobs", files=files("wave.bvh", "walk.bvh")))
        assert [entry["name"] for entry in job["result"]["artifacts"]] == ["result.bvh", "report.json"]
        parts = {"options": '{"format": "glb"}'}
        job = finished(client, client.post("/v1/jobs", files=files("wave.bvh", "walk.bvh"), data=parts))
        assert job["result"]["artifacts"][0]["media_type"] == "model/gltf-binary"
