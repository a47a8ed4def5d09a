"""The client that openapi-python-client makes of /openapi.json posts a job, with files and with ids alone."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from tests.service_fixtures import BVH, GLB, finish_job


@pytest.fixture(scope="module")
def generated(openapi_document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the package that the generator wrote."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(openapi_document))
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", str(folder / "openapi.json"), "--output-path", str(folder / "retarget_client")),
        ],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "Unable" not in made.stdout and "WARNING parsing" not in made.stdout, made.stdout
    sys.path.insert(0, str(folder))
    yield "retarget_client"
    sys.path.remove(str(folder))


def module(generated: str, name: str) -> ModuleType:
    return importlib.import_module(f"{generated}.{name}")


def test_it_posts_polls_and_downloads(generated: str, address: str, store: JobStore, blobs: BlobStore) -> None:
    models, types = module(generated, "models"), module(generated, "types")
    post, get = module(generated, "api.jobs.post_job"), module(generated, "api.jobs.get_job")
    report = module(generated, "api.results.get_report")
    with module(generated, "client").Client(base_url=address) as client:
        files = {
            "motion": [types.File(io.BytesIO(BVH), "walk.bvh", "application/octet-stream")],
            "character": [types.File(io.BytesIO(GLB), "hero.glb", "model/gltf-binary")],
        }
        options = models.JobOptions(start=models.JobOptionsStart.ORIGIN, fps=30.0)
        job = post.sync(client=client, body=models.PostJobFilesBody(**files, options=options))
        assert job.status.value == "queued" and job.options["start"] == "origin" and job.options["fps"] == 30.0
        finish_job(store, blobs, job.id, {"report.json": ("application/json", b'{"schema": "report/1"}')})
        ended = get.sync(job.id, client=client, wait=3.0)
        assert ended.status.value == "succeeded" and ended.result.verdict.value == "pass"
        assert report.sync_detailed(job.id, client=client).status_code == 200
        motion = module(generated, "api.motions.post_motion").sync(
            client=client, body=models.PostMotionBody(file=files["motion"])
        )
        character = module(generated, "api.characters.post_character").sync(
            client=client, body=models.PostCharacterBody(file=files["character"])
        )
        by_id = post.sync(client=client, body=models.JobRequest(motion=motion.id, character=character.id))
        assert by_id.status.value == "queued" and by_id.input_.assets["motion"] == motion.id
        wrong = post.sync(client=client, body=models.JobRequest(motion="mot_" + "0" * 26, character=character.id))
        assert wrong.code == "not-found" and wrong.retryable is False
