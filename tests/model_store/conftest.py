"""A stand-in for the model hub on this machine, and a model folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model_store.fake_hub import FakeHub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    server = FakeHub()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files = {
        "config.json": b'{"model_type": "clip"}',
        "preprocessor_config.json": b'{"size": 8}',
        "tokenizer.json": b"{}",
        "model.safetensors": bytes(range(256)) * 12_000,  # 3 MB: several pieces
        "pytorch_model.bin": b"an older form that is not wanted",
        "README.md": b"words",
    }
    server.large = {"model.safetensors", "pytorch_model.bin"}
    yield server
    server.close()


@pytest.fixture(autouse=True)
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(folder))
    return folder
