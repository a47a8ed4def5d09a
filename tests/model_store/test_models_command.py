"""`retarget models`: what it prints and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli import main
from tests.model_store.fake_hub import FakeHub


def pull_mine(hub: FakeHub, *words: str) -> int:
    return main(["models", "pull", "mine", "--from", "hub:owner/model", "--encoder", "clip", *words])


def test_pull_list_verify(hub: FakeHub, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pull_mine(hub) == 0
    out, progress = capsys.readouterr()
    assert f"mine@1: ready, 3.1 MB in {model_folder / 'mine' / '1'}" in out and "licence of mine@1 is unknown" in out
    assert "model.safetensors 100% of 3.1 MB" in progress and "\r" not in progress
    assert main(["models", "verify"]) == 0
    assert capsys.readouterr().out == "eye@1: ready\nmine@1: ready\nsmt@1: ready\n"  # the packaged ones are there too
    assert main(["models", "list", "--json"]) == 0
    models = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["models"]}
    assert models["mine"]["status"] == "ready" and models["mine"]["encoder"] == "clip"
    assert models["mine"]["runs"] == {"kind": "encoder", "name": "clip"}
    assert models["blip-itm"]["status"] == "missing"
    assert models["blip-itm"]["remedy"] == "retarget models pull blip-itm@1"


def test_corruption_ends_with_four_and_the_command(
    hub: FakeHub, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull_mine(hub) == 0
    weights = model_folder / "mine" / "1" / "model.safetensors"
    weights.write_bytes(b"?" * weights.stat().st_size)
    capsys.readouterr()
    assert main(["models", "verify", "mine"]) == 4
    out, error = capsys.readouterr()
    assert out.startswith("mine@1: corrupt, model.safetensors has sha256")
    assert error.startswith("error: model-unavailable: ") and error.endswith("run: retarget models pull mine@1\n")
    weights.write_bytes(b"short")
    assert main(["models", "list"]) == 0
    assert "run: retarget models pull mine@1" in capsys.readouterr().out
    assert main(["models", "pull", "mine"]) == 0  # known by now: its installed manifest says from where
    assert main(["models", "verify", "mine"]) == 0


def test_nothing_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "clip"]) == 4
    assert "clip@1: it is not installed; run: retarget models pull clip@1" in capsys.readouterr().err


def test_a_change_is_accepted_only_when_told(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert pull_mine(hub) == 0
    hub.files["config.json"] = b'{"model_type": "another"}'
    hub.commit = "f" * 40
    assert pull_mine(hub, "--accept-change") == 0
    assert main(["models", "list", "--json"]) == 0
    text = capsys.readouterr().out
    assert "f" * 40 in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pull", "nothing"], "there is no model 'nothing'"),
        (["pull", "mine", "--encoder", "clip"], "say where it is with --from"),
        (["pull", "mine", "--encoder", "clap", "--from", "hub:owner/model"], "unknown kind"),
        (["pull", "../mine", "--encoder", "clip", "--from", "hub:owner/model"], "model name"),
        (["pull", "clip", "--from", "/no/such/folder"], "no such folder"),
    ],
)
def test_wrong_usage_ends_with_two(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: invalid-options: ") and said in error and error.count("\n") == 1
