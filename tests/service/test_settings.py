"""Settings: the environment fills them, printing hides what is secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, mask_secrets


def test_environment_and_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETARGET_PORT", "9000")
    monkeypatch.setenv("RETARGET_DATA_DIR", str(tmp_path))
    settings = Settings()
    assert settings.port == 9000 and settings.host == "127.0.0.1"
    assert settings.blob_url == f"file://{tmp_path}/blobs"
    assert settings.input_ttl_s == 86_400 and settings.output_ttl_s == 604_800
    monkeypatch.setenv("RETARGET_BLOB_URL", "memory://x")
    assert Settings().blob_url == "memory://x"
    assert Settings(blob_url="memory://y").blob_url == "memory://y"


def test_the_data_folder_follows_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RETARGET_DATA_DIR", raising=False)
    monkeypatch.delenv("RETARGET_BLOB_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().data_dir == tmp_path / "retarget"


@pytest.mark.parametrize(("name", "value"), [("port", -1), ("lease_s", 0), ("min_free_disk_ratio", 1), ("port", "x")])
def test_nonsense_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: value})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:hunter2@host:6379/0", "redis://user:***@host:6379/0"),
        ("rediss://:hunter2@host/0", "rediss://:***@host/0"),
        ("redis://host:6379/0?password=hunter2&db=1", "redis://host:6379/0?password=***&db=1"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("file:///data/blobs", "file:///data/blobs"),
    ],
)
def test_passwords_are_not_printed(url: str, shown: str) -> None:
    assert mask_secrets(url) == shown
    assert "hunter2" not in str(Settings(redis_url=url).masked())
