"""What can be known before a job runs is refused at the door, in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.jobs.store import JobStore
from tests.service_fixtures import BVH, GLB, make_record, post_job
from workers.contract.errors import InvalidOptions
from workers.contract.options import parse_options
from workers.contract.stages import STAGES, in_order


@pytest.mark.parametrize(
    ("options", "code", "pointer", "text"),
    [
        ({"encoder": "blipp"}, "invalid-options", "/options/encoder", "blipp"),
        ({"mapping": {"target": {"leftArm": "a"}}}, "invalid-options", "/options/mapping/target/leftArm", "VRM"),
        ({"mapping": {"source": {"hip": None}}}, "invalid-options", "/options/mapping/source/hip", "unknown role"),
        ({"method": "copy"}, "invalid-options", "/options/method", "smt"),
        ({"rest_pose": -1}, "invalid-options", "/options/rest_pose", "a whole number from 0, not -1"),
        ({"rest_pose": "tpose"}, "invalid-options", "/options/rest_pose", 'must be "auto", "file", "estimate" or'),
    ],
)
def test_options_that_no_worker_could_serve(
    client: TestClient, options: dict[str, Any], code: str, pointer: str | None, text: str
) -> None:
    response = post_job(client, options=options)
    problem = response.json()
    assert problem["code"] == code and text in problem["detail"], problem
    assert [item["pointer"] for item in problem["errors"]] == ([pointer] if pointer else [])
    assert client.get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize(("frame", "status"), [(0, 202), (3, 202), (4, 422)])
def test_a_rest_frame_that_a_bvh_does_not_have(client: TestClient, frame: int, status: int) -> None:
    motion = BVH + b"MOTION\r\nFrames: 4\r\nFrame Time: 0.033\r\n" + b"0 0 0\r\n" * 4
    files = {"motion": ("walk.bvh", motion), "character": ("hero.glb", GLB)}
    stored = {part: client.post(f"/v1/{part}s", files={"file": entry}).json()["id"] for part, entry in files.items()}
    by_id = client.post("/v1/jobs", json={**stored, "options": {"rest_pose": frame}})
    response = client.post("/v1/jobs", files=files, data={"options": json.dumps({"rest_pose": frame})})
    assert by_id.status_code == response.status_code and by_id.json().get("errors") == response.json().get("errors")
    assert response.status_code == status
    if status == 422:
        assert "has 4 frames" in response.json()["detail"]
        assert response.json()["errors"][0]["pointer"] == "/options/rest_pose"


GLTF = json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": "data/hero%201.bin", "byteLength": 3}]}).encode()


@pytest.mark.parametrize(
    ("beside", "status"), [([], 422), (["other.bin"], 422), (["hero 1.bin"], 202), (["data/hero 1.bin"], 202)]
)
def test_a_gltf_without_its_buffer(client: TestClient, beside: list[str], status: int) -> None:
    files = [("motion", ("walk.bvh", BVH)), ("character", ("hero.gltf", GLTF))]
    files += [("character", (name, b"abc")) for name in beside]
    response = client.post("/v1/jobs", files=files)
    assert response.status_code == status, response.text
    if status == 422:
        assert response.json()["code"] == "parse-failed" and "hero%201.bin" in response.json()["detail"]
        assert client.post("/v1/inspect", files=[("file", ("hero.gltf", GLTF))]).json()["code"] == "parse-failed"


def test_an_expired_job_says_why(client: TestClient, store: JobStore) -> None:
    job_id = make_record(store).id
    assert store.expire(job_id)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["error"]["code"]) == ("expired", "expired") and "send it again" in job["error"]["detail"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fps": "abc"}, '/fps: must be "source" or a number above 0 up to 1000, not "abc"'),
        ({"root_scale": [1]}, '/root_scale: must be "legs", "hips", "none" or a number above 0 up to 1000, not [1]'),
        ({"clip": -1}, "/clip: must be a text, a whole number from 0 or null, not -1"),
        ({"mapping": {"target": {"hips": 3}}}, "/mapping/target/hips: must be a text, an object with index or null"),
        ({"start_s": 2, "end_s": 1}, "end_s must be greater than start_s"),
        ({"fps": "x" * 1000}, "..."),
    ],
)
def test_what_may_be_several_things_is_told_in_one_plain_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidOptions) as caught:
        parse_options(options)
    assert sentence in caught.value.detail and len(caught.value.extra["errors"]) == 1
    assert "valid" not in caught.value.detail and len(caught.value.detail) < 400


def test_stages_appear_once_and_in_order_however_many_clips_there_are() -> None:
    told: list[tuple[str, float]] = []
    tell = in_order(lambda stage, fraction: told.append((stage, fraction)))
    for clip in range(3):
        for number, stage in enumerate(("mapping", "retargeting", "refining")):
            tell(stage, 0.1 + clip * 0.1 - number * 0.05)
    tell("scoring", 0.6)
    names = [stage for stage, _ in told]
    assert [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name] == [
        "mapping", "retargeting", "refining", "scoring",
    ]  # fmt: skip
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)
    assert STAGES.index("scoring") < STAGES.index("drawing") < STAGES.index("exporting")


def test_the_estimate_knows_what_was_asked_for(client: TestClient, store: JobStore) -> None:
    """Jobs with pictures take longer: their mean is their own, and there is none before the first of them."""
    for preview, took_s in ((False, 2.0), (True, 30.0)):
        job_id = post_job(client, options={"preview": preview}).json()["id"]
        assert store.claim(job_id, "e1", 60)
        store.redis.hset(f"retarget:job:{job_id}", "claimed_at", str(store.now() - took_s))
        assert store.publish(job_id, "e1", {})
    etas = {}
    asked: dict[str, dict[str, Any]] = {"plain": {}, "preview": {"preview": True}, "refine": {"refine": "geometry"}}
    for name, options in asked.items():
        job_id = post_job(client, options=options).json()["id"]
        assert store.claim(job_id, "e1", 60)
        etas[name] = client.get(f"/v1/jobs/{job_id}").json()["eta_s"]
    assert 1 < etas["plain"] <= 2.1 and 28 < etas["preview"] <= 30.1 and etas["refine"] is None
