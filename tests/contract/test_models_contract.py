"""GET /v1/models: what is ready, and what to run where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from model_store.catalogue import find_manifest
from model_store.pull import pull
from model_store.sources import parse_source


@pytest.fixture(autouse=True)
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(folder))
    return folder


def test_a_model_that_is_missing_names_the_command(client: TestClient) -> None:
    models = {entry["name"]: entry for entry in client.get("/v1/models").json()["models"]}
    clip = models["clip"]
    assert clip["status"] == "missing" and clip["remedy"] == "retarget models pull clip@1"
    assert clip["source"] == "hub:openai/clip-vit-base-patch32@main" and clip["revision"] is None
    assert clip["licence"]["id"] and clip["bytes"] is None and clip["calibrated"] is False


def test_a_model_becomes_ready_and_corrupt(client: TestClient, tmp_path: Path, model_folder: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"):
        (source / name).write_bytes(name.encode())
    pull(find_manifest("clip"), parse_source(str(source)))
    ready = client.get("/v1/models/clip").json()
    assert ready["status"] == "ready" and ready["bytes"] == 66 and ready["problem"] is None
    assert str(tmp_path) not in client.get("/v1/models").text
    (model_folder / "clip" / "1" / "model.safetensors").write_bytes(b"")
    broken = client.get("/v1/models/clip@1").json()
    assert broken["status"] == "corrupt" and "0 bytes, expected 17" in broken["problem"]
    assert broken["remedy"] == "retarget models pull clip@1"


def test_retargeting_methods_stand_beside_the_models(client: TestClient) -> None:
    methods = {entry["name"]: entry for entry in client.get("/v1/models").json()["methods"]}
    assert methods["analytic"]["available"] and methods["analytic"]["reason"] is None
    assert methods["smt"]["available"] and methods["smt"]["model"] == "smt@1" and methods["smt"]["reason"] is None


def test_a_model_says_what_it_runs(client: TestClient) -> None:
    clip = client.get("/v1/models/clip").json()
    assert clip["runs"] == {"kind": "encoder", "name": "clip"} and clip["encoder"] == "clip"


def test_a_model_nobody_knows_is_not_found(client: TestClient) -> None:
    answer = client.get("/v1/models/nothing")
    assert answer.status_code == 404 and answer.json()["code"] == "not-found"
    assert "clip" in answer.json()["detail"]


def test_a_broken_manifest_of_the_users_is_told(client: TestClient, model_folder: Path) -> None:
    path = model_folder / "mine" / "1" / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    answer = client.get("/v1/models")
    assert answer.status_code == 503 and answer.json()["code"] == "model-unavailable"
