"""Previews and sheets over HTTP: listed and served with their types, sizes, hashes and ranges."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from service.files.blobs import BlobStore
from service.files.input_file import InputFile
from service.jobs.store import JobStore
from workers.engine import scene_engine
from workers.engine.inspection import inspect_scene
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.queue import tasks
from workers.queue.tasks import TaskContext
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import make_clips
from workers.samples.shape import TALL
from workers.skeleton.model import Scene


class PlainScenes:
    """Stands where the ingest stands: an upload's key is that of its scene."""

    def stored(self, files: list[InputFile], job_id: str, on_wait: Callable[[], None]) -> str:
        return files[0].blob


@pytest.fixture
def desk(store: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> TaskContext:
    """The real tasks and the real engine, with uploads read in this process."""

    def load(where: BlobStore, key: str) -> Scene:
        return read_scene(FileBundle("motion.bvh", where.read(key)))

    monkeypatch.setattr(tasks, "load_stored", load)
    return TaskContext(store, blobs, PlainScenes(), scene_engine.retarget, inspect_scene)


def clap() -> bytes:
    """The first frames of a sample clip."""
    (motion,) = (clip for clip in make_clips(TALL) if clip.name == "clap")
    head, rows = motion_to_bvh(build_body(TALL), motion).split("MOTION\n")
    lines = rows.splitlines()
    return "\n".join([head + "MOTION", "Frames: 16", lines[1], *lines[2:18], ""]).encode()


@pytest.mark.parametrize(("ending", "media_type"), [("webp", "image/webp"), ("webm", "video/webm")])
def test_pictures_are_artifacts_like_any_other(
    client: TestClient, store: JobStore, desk: TaskContext, ending: str, media_type: str
) -> None:
    options = {"preview": True, "preview_format": ending, "end_s": 0.2, "keyframes": 2}
    files = {"motion": ("clap.bvh", clap()), "character": ("body.bvh", clap())}
    job = client.post("/v1/jobs", files=files, data={"options": json.dumps(options)}).json()
    assert job["options"]["preview_format"] == ending
    assert store.claim(job["id"], "execution-1", 30)
    assert desk.run(job["id"], "execution-1", 60.0).how == "succeeded", store.get(job["id"]).error

    artifacts = client.get(f"/v1/jobs/{job['id']}").json()["result"]["artifacts"]
    assert [entry["name"] for entry in artifacts] == ["result.bvh", "sheet.png", f"preview.{ending}", "report.json"]
    for entry, expected in zip(artifacts[1:3], ("image/png", media_type), strict=True):
        assert entry["media_type"] == expected
        whole = client.get(entry["url"])
        assert (whole.status_code, whole.headers["content-type"]) == (200, entry["media_type"])
        assert len(whole.content) == entry["bytes"]
        assert hashlib.sha256(whole.content).hexdigest() == entry["sha256"] == whole.headers["etag"].strip('"')
        assert whole.headers["content-disposition"] == f'attachment; filename="{entry["name"]}"'
        part = client.get(entry["url"], headers={"Range": "bytes=4-11"})
        assert (part.status_code, part.content) == (206, whole.content[4:12])
        assert client.head(entry["url"]).headers["content-length"] == str(entry["bytes"])
        if expected == "video/webm":
            assert whole.content[:4] == b"\x1a\x45\xdf\xa3", "EBML"
        else:
            assert Image.open(io.BytesIO(whole.content)).get_format_mimetype() == expected


def test_a_job_that_is_canceled_while_it_draws_stops_and_publishes_nothing(
    client: TestClient, store: JobStore, desk: TaskContext, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PROGRESS_INTERVAL_S", 0.0)
    told: list[float] = []
    plain = JobStore.progress

    def progress(self: JobStore, job_id: str, execution_id: str, stage: str, fraction: float) -> str:
        told.append(fraction)
        if stage == "drawing" and fraction > 0.8:
            self.request_cancel(job_id)
        return plain(self, job_id, execution_id, stage, fraction)

    monkeypatch.setattr(JobStore, "progress", progress)
    options = {"preview": True, "end_s": 0.5, "keyframes": 2}
    files = {"motion": ("clap.bvh", clap()), "character": ("body.bvh", clap())}
    job_id = client.post("/v1/jobs", files=files, data={"options": json.dumps(options)}).json()["id"]
    assert store.claim(job_id, "execution-1", 30)
    assert desk.run(job_id, "execution-1", 60.0).how == "canceled"
    assert 0.8 < told[-1] < 0.97, "stopped between two frames"  # near: the stages' own shares
    assert list(blobs.list("outputs")) == []


@pytest.mark.parametrize("options", [{"preview_format": "mp4", "preview": True}, {"preview_format": "webm"}])
def test_options_that_ask_for_no_preview_there_is(client: TestClient, options: dict[str, object]) -> None:
    files = {"motion": ("clap.bvh", clap()), "character": ("body.bvh", clap())}
    answer = client.post("/v1/jobs", files=files, data={"options": json.dumps(options)})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-options")
    assert "preview_format" in answer.json()["detail"]
