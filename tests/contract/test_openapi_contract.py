"""/openapi.json tells the truth: its examples run, its errors are declared, its schemas are there."""

from __future__ import annotations

import html
import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from service.assets.schemas import AssetView
from service.files.blobs import BlobStore
from service.health.endpoints import Readiness
from service.http.complete import example_of
from service.jobs.store import JobStore
from service.jobs.views import JobPage, JobView
from service.mappings.schemas import PresetView
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, curl_path, finish_job
from workers.contract.options import JobOptions, parse_options

METHODS = {"get", "post", "put", "delete"}


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_every_operation_has_a_summary_an_example_and_its_errors(openapi_document: dict[str, Any]) -> None:
    found = operations(openapi_document)
    assert len(found) >= 10
    for method, path, operation in found:
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["x-codeSamples"][0]["source"].startswith("curl "), where
        if path == "/healthz":
            continue
        assert {"422", "500", "503"} <= set(operation["responses"]), where
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], where


def test_every_property_is_described_and_every_good_answer_has_a_schema_and_an_example(
    openapi_document: dict[str, Any],
) -> None:
    schemas = openapi_document["components"]["schemas"]
    bare = [
        f"{model}.{name}"
        for model, schema in schemas.items()
        for name, inner in schema.get("properties", {}).items()
        if not inner.get("description") and "$ref" not in inner
    ]
    assert bare == []
    for method, path, operation in operations(openapi_document):
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items() if status < "300" else ():
                where = f"{method} {path} {status} {media_type}"
                assert content.get("schema"), where
                if media_type == "application/json" and status != "206":
                    assert "example" in content, where
    for model in (JobView, JobPage, AssetView, PresetView, Readiness):
        model.model_validate(example_of(schemas[model.__name__], schemas))
    assert openapi_document["security"] == [{}, {"key": []}]
    assert openapi_document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_the_page_of_operations_needs_nothing_from_elsewhere(
    client: TestClient, openapi_document: dict[str, Any]
) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200 and "default-src 'none'" in answer.headers["content-security-policy"]
    page = answer.text
    assert "<script" not in page and "//" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
    for method, path, operation in operations(openapi_document):
        assert f"{method.upper()} {path}</code>" in page and html.escape(operation["summary"]) in page


def test_every_reference_leads_somewhere(openapi_document: dict[str, Any]) -> None:
    for pointer in set(re.findall(r'"\$ref": "#([^"]+)"', json.dumps(openapi_document))):
        node = openapi_document
        for name in pointer.strip("/").split("/"):
            node = node[name]
    assert set(openapi_document["components"]["schemas"]["JobOptions"]["properties"]) == set(JobOptions.model_fields)


def test_the_examples_run(
    address: str,
    openapi_document: dict[str, Any],
    store: JobStore,
    blobs: BlobStore,
    settings: Settings,
    tmp_path: Path,
) -> None:
    """Each curl command as it is printed, in one folder with the files it names, against a real server."""
    curl_path()
    (tmp_path / "walk.bvh").write_bytes(BVH)
    (tmp_path / "character.glb").write_bytes(GLB)
    (tmp_path / "definition.json").write_text('{"leave_alone": ["tail_*"]}')
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "URL": address}
    ran = 0

    def run(command: str) -> str:
        nonlocal ran
        ran += 1
        done = subprocess.run(
            ["bash", "-c", f"{command} --fail-with-body -w '\\n%{{http_code}}'"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout

    def answer(command: str) -> dict[str, Any]:
        body, status = run(command).rsplit("\n", 1)
        assert status.startswith("2"), f"{command}: {status}"
        found: dict[str, Any] = json.loads(body)
        return found

    samples = {
        (method, path): [sample["source"] for sample in operation["x-codeSamples"]]
        for method, path, operation in operations(openapi_document)
    }
    count = sum(len(commands) for commands in samples.values())
    for name, collection in (("MOTION", "motions"), ("CHARACTER", "characters")):
        for command in samples.pop(("post", f"/v1/{collection}")):
            environment[name] = answer(command)["id"]
    jobs = [answer(command) for command in samples.pop(("post", "/v1/jobs"))]
    assert jobs[0]["options"]["start"] == "origin"
    assert [job["status"] for job in jobs] == ["queued"] * 3
    finish_job(
        store,
        blobs,
        jobs[0]["id"],
        {"walk.glb": ("model/gltf-binary", GLB), "report.json": ("application/json", b"{}")},
    )
    environment |= {"JOB": jobs[0]["id"], "ARTIFACT": "walk.glb"}

    role = {"joint": "Pelvis", "index": 3}
    inspection: dict[str, Any] = {
        "skeleton_fingerprint": "skl_" + "1" * 32,
        "shared_names": [],
        "problem": None,
        "mapping": {"roles": {"hips": role}},
    }

    def inspect(stop: threading.Event) -> None:
        while not stop.wait(0.02):
            for found in store.page(kind="inspect", status="queued")[0]:
                if store.claim(found.id, "e1", 30):
                    store.publish(found.id, "e1", {"inspection": inspection})

    stop = threading.Event()
    worker = threading.Thread(target=inspect, args=(stop,))
    worker.start()
    try:
        for command in samples.pop(("post", "/v1/inspect")):
            assert answer(command) == inspection
        presets = [answer(command) for command in samples.pop(("post", "/v1/mappings"))]
    finally:
        stop.set()
        worker.join()
    assert presets[1]["mapping"] == {"hips": "Pelvis"}
    environment["MAPPING"] = presets[0]["id"]
    (batch,) = samples.pop(("post", "/v1/batches"))
    (named_batch,) = samples.pop(("put", "/v1/batches/{batch_id}"))
    environment["BATCH"] = answer(batch)["id"]
    assert answer(named_batch)["counts"]["total"] == 1
    (hook,) = samples.pop(("post", "/v1/webhook-endpoints"))
    environment["ENDPOINT"] = answer(hook)["id"]
    (test,) = samples.pop(("post", "/v1/webhook-endpoints/{endpoint_id}/test"))
    environment["DELIVERY"] = answer(test)["id"]
    (again,) = samples.pop(("post", "/v1/webhook-deliveries/{delivery_id}/redeliver"))
    assert answer(again)["status"] == "pending"
    batch_ends = [samples.pop(("post", f"/v1/batches/{{batch_id}}/{what}"))[0] for what in ("cancel", "retry")]
    (cancel,) = samples.pop(("post", "/v1/jobs/{job_id}/cancel"))
    (again,) = samples.pop(("post", "/v1/jobs/{job_id}/retry"))
    assert answer(again)["retry_of"] == environment["JOB"]
    (named,) = samples.pop(("put", "/v1/jobs/{job_id}"))
    assert answer(named)["status"] == "queued"
    deletions = [samples.pop(key) for key in list(samples) if key[0] == "delete"]
    for command in (command for commands in samples.values() for command in commands):
        assert run(command).rsplit("\n", 1)[1] == "200", command
    assert (tmp_path / "result.bin").read_bytes().startswith(GLB)
    assert [answer(command).get("items") for command in batch_ends] == [None, 1]
    for (command,) in deletions:
        assert run(command).rsplit("\n", 1)[1] == "204", command
    environment["JOB"] = jobs[1]["id"]
    assert answer(cancel)["status"] == "canceled"
    assert ran == count


def test_the_option_examples_in_the_document_are_valid(openapi_document: dict[str, Any]) -> None:
    source = openapi_document["paths"]["/v1/jobs"]["post"]["x-codeSamples"][0]["source"]
    match = re.search(r"options=(\{.*\})'", source)
    assert match is not None
    assert parse_options(match.group(1)).start == "origin"
